"""Tiny random models of every family, converted as users convert them.

What a family hands to CTranslate2 is compared token for token, and what comes out with what
transformers' own `generate` makes of the same network.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
import tiny_models
import torch
from transformers import (
    AutoModelForSeq2SeqLM,
    M2M100Tokenizer,
    MarianTokenizer,
)

from mlc_data.errors import ModelError
from mlc_data.languages.flores import all_languages
from mlc_data.recipe.recipe import Translate
from mlc_data.translate.convert import convert
from mlc_data.translate.engines.base import Request
from mlc_data.translate.engines.ctranslate2 import Ct2Translator
from mlc_data.translate.engines.families import FAMILIES, m2m100, madlad
from mlc_data.translate.engines.loading import load_translator

TEXT = "How do I bake bread?"
NLLB = ("eng_Latn", "swh_Latn", "zho_Hans")
NAMES = ("nllb", "m2m100", "madlad", "opus-mt-en-sw")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``<name>`` is a model of Transformers, ``ct2/<name>`` the same converted in float32."""
    root = tmp_path_factory.mktemp("models")
    tiny_models.nllb(root / "nllb", NLLB)
    tiny_models.m2m100(root / "m2m100")
    tiny_models.madlad(root / "madlad")
    tiny_models.marian(root / "opus-mt-en-sw")
    for name in NAMES:
        convert(str(root / name), root / "ct2" / name, quantization="float32")
    return root


def engine(folder: Path, name: str, **settings: Any) -> Ct2Translator:
    chosen = {"beam_size": 1, "max_output_tokens": 12, "compute_type": "float32", **settings}
    found = load_translator(Translate(model=str(folder / "ct2" / name), cache=None, **chosen))
    assert isinstance(found, Ct2Translator)
    return found


MADLAD_PIECES = ["▁H", "ow", "▁do", "▁I", "▁b", "ake", "▁b", "re", "ad", "?"]
PIECES = ["▁How", "▁do", "▁I", "▁b", "ake", "▁b", "read", "?"]


@pytest.mark.parametrize(
    ("name", "source", "prefix"),
    [
        ("nllb", ["eng_Latn", *PIECES, "</s>"], ["swh_Latn"]),
        ("m2m100", ["__en__", *PIECES, "</s>"], ["__sw__"]),
        # Its pieces are other ones, for the language tokens are part of the sentencepiece model.
        ("madlad", ["▁", "<2sw>", *MADLAD_PIECES, "</s>"], []),
        ("opus-mt-en-sw", [*PIECES, "</s>"], []),
    ],
)
def test_golden_tokens(folder: Path, name: str, source: list[str], prefix: list[str]) -> None:
    found = engine(folder, name)
    assert found.source_tokens(TEXT, "eng_Latn", "swh_Latn") == source
    assert found.target_prefix("swh_Latn") == prefix
    assert found.family == (name if name in FAMILIES else "marian")


def _transformers_ids(folder: Path, name: str) -> tuple[list[int], dict[str, Any]]:
    """What transformers' own tokenizer makes of the text, where it can read the folder."""
    if name == "m2m100":
        tokenizer = M2M100Tokenizer.from_pretrained(folder / name, src_lang="en")
        return tokenizer(TEXT).input_ids, {"forced_bos_token_id": tokenizer.get_lang_id("sw")}
    if name == "opus-mt-en-sw":
        return MarianTokenizer.from_pretrained(folder / name)(TEXT).input_ids, {}
    vocabulary = json.loads((folder / "ct2" / name / "shared_vocabulary.json").read_text())
    tokens = engine(folder, name).source_tokens(TEXT, "eng_Latn", "swh_Latn")
    forced = {"forced_bos_token_id": vocabulary.index("swh_Latn")} if name == "nllb" else {}
    return [vocabulary.index(token) for token in tokens], forced


@pytest.mark.parametrize("name", NAMES)
def test_the_converted_model_thinks_what_transformers_thinks(folder: Path, name: str) -> None:
    """Log-probabilities of one and the same target: a wrong token anywhere would change them."""
    ids, forced = _transformers_ids(folder, name)
    translator = engine(folder, name)
    vocabulary = json.loads((folder / "ct2" / name / "shared_vocabulary.json").read_text())
    prefix = translator.target_prefix("swh_Latn")
    assert [vocabulary.index(token) for token in prefix] == list(forced.values())
    target = [*prefix, *[token for token in vocabulary if token.startswith("▁")][2:7]]

    network = AutoModelForSeq2SeqLM.from_pretrained(folder / name).eval()
    wanted = torch.tensor([vocabulary.index(token) for token in [*target, "</s>"]])
    start = torch.tensor([network.config.decoder_start_token_id])
    with torch.no_grad():
        logits = network(
            input_ids=torch.tensor([ids]),
            decoder_input_ids=torch.cat([start, wanted[:-1]]).unsqueeze(0),
        ).logits[0, :, : len(vocabulary)]
    theirs = logits.log_softmax(-1)[range(len(wanted)), wanted]

    def ours(source: list[str]) -> torch.Tensor:
        return torch.tensor(translator._model.score_batch([source], [target])[0].log_probs)

    source = translator.source_tokens(TEXT, "eng_Latn", "swh_Latn")
    torch.testing.assert_close(ours(source), theirs, atol=2e-4, rtol=1e-4)
    for other in (source[1:], source[:-1], [*source[::-1]]):
        assert not torch.allclose(ours(other), theirs, atol=2e-4, rtol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_a_hypothesis_has_no_token_of_the_layout_in_it(folder: Path, name: str) -> None:
    translator = engine(folder, name, beam_size=4, max_output_tokens=40)
    requests = [Request(f"{text} {TEXT}", "eng_Latn", "swh_Latn") for text in tiny_models.TEXTS]
    found = [
        one
        for several in translator.translate_nbest(
            requests, type(translator.decoding)(beam_size=4, num_hypotheses=4, max_output_tokens=40)
        )
        for one in several
    ]
    assert len(found) == 4 * len(requests)
    for one in found:
        assert (one.text is None) == (one.failure is not None)
        assert not one.text or not any(mark in one.text for mark in ("</s>", "__sw__", "swh_Latn"))


@pytest.mark.parametrize(
    ("name", "pair", "told"),
    [
        ("nllb", ("eng_Latn", "jpn_Jpan"), "does not know jpn_Jpan; it knows eng_Latn"),
        ("m2m100", ("eng_Latn", "zho_Hant"), "one token for it and zho_Hans, __zh__"),
        ("m2m100", ("nno_Latn", "eng_Latn"), "one token for it and nob_Latn, __no__"),
        ("m2m100", ("eng_Latn", "kmr_Latn"), "does not know kmr_Latn; it knows 98 languages"),
        ("madlad", ("eng_Latn", "pbt_Arab"), "does not know pbt_Arab"),
        ("opus-mt-en-sw", ("eng_Latn", "spa_Latn"), "translates from eng_Latn to swh_Latn alone"),
        ("opus-mt-en-sw", ("swh_Latn", "eng_Latn"), "translates from eng_Latn to swh_Latn alone"),
    ],
)
def test_a_language_that_is_not_known_is_refused(
    folder: Path, name: str, pair: tuple[str, str], told: str
) -> None:
    translator = engine(folder, name)
    known = Request(TEXT, "eng_Latn", "swh_Latn")
    asked: list[int] = []
    with pytest.raises(ModelError, match=told):
        translator.translate(
            [known, Request(TEXT, *pair)], lambda indices, _: asked.extend(indices)
        )
    assert not asked


def test_no_two_languages_share_a_token() -> None:
    for tokens in (m2m100.TOKENS, madlad.TOKENS):
        assert len(set(tokens.values())) == len(tokens)
    codes = {language.code for language in all_languages()}
    assert set(m2m100.TOKENS) | set(m2m100.REFUSED) <= codes
    assert not set(m2m100.TOKENS) & set(m2m100.REFUSED)


def test_m2m100_has_every_language_of_the_model_but_the_two_that_flores_lacks() -> None:
    from transformers.models.m2m_100.tokenization_m2m_100 import FAIRSEQ_LANGUAGE_CODES

    theirs = {f"__{code}__" for code in FAIRSEQ_LANGUAGE_CODES["m2m100"]}
    assert theirs - set(m2m100.TOKENS.values()) == {"__br__", "__fy__"}
    assert set(m2m100.TOKENS.values()) <= theirs


def test_madlad_codes() -> None:
    wanted = {"zho_Hans": "<2zh>", "zho_Hant": "<2zh_Hant>", "kmr_Latn": "<2ku>"}
    wanted |= {"tgl_Latn": "<2fil>", "nob_Latn": "<2no>", "swh_Latn": "<2sw>", "pbt_Arab": "<2ps>"}
    wanted |= {"crh_Latn": "<2crh_Latn>", "kas_Deva": "<2ks_Deva>", "ckb_Arab": "<2ckb>"}
    assert {code: madlad.TOKENS[code] for code in wanted} == wanted


def test_several_threads_load_the_weights_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from mlc_data.translate.engines import weights

    loaded: list[Path] = []
    load = weights.load
    monkeypatch.setattr(weights, "load", lambda *of: (loaded.append(of[0]), load(*of))[1])
    translator = engine(folder, "m2m100")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: translator.translate([Request(TEXT, *NLLB[:2])]), range(16)))
    assert len(loaded) == 1


def test_the_recipe_may_name_the_family_and_must_where_it_is_not_clear(folder: Path) -> None:
    bare = folder / "ct2" / "bare"
    bare.mkdir()
    for file in (folder / "ct2" / "m2m100").iterdir():
        if file.name not in ("mlc_data_model.json", "shared_vocabulary.json"):
            (bare / file.name).write_bytes(file.read_bytes())
    vocabulary = folder / "ct2" / "m2m100" / "shared_vocabulary.json"
    (bare / "shared_vocabulary.json").write_bytes(vocabulary.read_bytes())
    assert engine(folder, "bare").family == "m2m100"  # by its language tokens
    renamed = json.loads(vocabulary.read_text())
    renamed[-1] = "eng_Latn"
    (bare / "shared_vocabulary.json").write_text(json.dumps(renamed))
    with pytest.raises(ModelError, match=r"translate\.family: .* set it to one of nllb, m2m100"):
        engine(folder, "bare")
    assert engine(folder, "bare", family="m2m100").family == "m2m100"
    (bare / "mlc_data_model.json").write_text('{"family": "gpt"}')
    with pytest.raises(ModelError, match="unknown family 'gpt'"):
        engine(folder, "bare")
    (bare / "mlc_data_model.json").write_text("[1]")
    with pytest.raises(ModelError, match="holds no JSON object"):
        engine(folder, "bare")


def test_a_marian_folder_that_names_no_languages_is_refused(folder: Path, tmp_path: Path) -> None:
    for file in (folder / "ct2" / "opus-mt-en-sw").iterdir():
        if file.name != "mlc_data_model.json":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    with pytest.raises(ModelError, match="must name its source and target language"):
        load_translator(Translate(model=str(tmp_path)))


def test_text_that_marian_ends_itself_is_not_ended_twice(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        convert(str(tiny_models.marian_file(tmp_path / "opus-mt-en-es")), tmp_path / "out")
    assert "names no license" in caplog.text
    found = load_translator(Translate(model=str(tmp_path / "out"), max_output_tokens=8))
    assert isinstance(found, Ct2Translator)
    assert found.source_tokens(TEXT) == PIECES  # type: ignore[call-arg]
    assert found.languages == {"eng_Latn", "spa_Latn"}
    assert found.licence == "unknown"
    strange = found.translate([Request("\u10d2", "eng_Latn", "spa_Latn")])[0]
    assert strange.unknown_share > 0


SPELLED = "Say <2zh> and <2sw>, </s><s> <pad> <unk> swh_Latn __sw__ >>swa<< now"
CONTROL = {"<2zh>", "<2sw>", "</s>", "<s>", "<pad>", "<unk>", "<mask>", "swh_Latn", "__sw__"}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("text", [SPELLED, "</s>", "<2zh>", "x </s>", "▁▁", "swh_Latn __sw__"])
def test_no_control_token_comes_of_a_text(folder: Path, name: str, text: str) -> None:
    found = engine(folder, name)
    plain = [t for t in found.source_tokens("Say", "eng_Latn", "swh_Latn") if t in CONTROL]
    spelled = found.source_tokens(text, "eng_Latn", "swh_Latn")
    assert [t for t in spelled if t in CONTROL] == plain


@pytest.mark.parametrize("name", NAMES)
def test_every_character_that_spells_a_token_is_handed_over(folder: Path, name: str) -> None:
    spelled = engine(folder, name).source_tokens("</s><2zh>", "eng_Latn", "swh_Latn")
    assert "</s><2zh>" in "".join(spelled[:-1]).replace("▁", "")


def test_the_mark_of_blanks_is_no_blank(folder: Path) -> None:
    found = engine(folder, "nllb")
    assert found.source_tokens("a▁b", "eng_Latn", "swh_Latn") != found.source_tokens(
        "a b", "eng_Latn", "swh_Latn"
    )
