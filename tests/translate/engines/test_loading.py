"""The real engine with the shipped phrasebook model."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from support import StubTranslator

from mlc_data.core.paths import local_path
from mlc_data.core.records import FailureReason
from mlc_data.errors import ModelError
from mlc_data.recipe.recipe import FAMILIES as FAMILY_NAMES
from mlc_data.recipe.recipe import Translate
from mlc_data.translate.engines.base import Decoding, Request
from mlc_data.translate.engines.families import FAMILIES
from mlc_data.translate.engines.families.nllb import NllbTranslator
from mlc_data.translate.engines.loading import load_translator

MODEL = "package://mlc_data/quickstart/model"


def engine(**settings: Any) -> NllbTranslator:
    found = load_translator(Translate(model=MODEL, cache=None, **settings))
    assert isinstance(found, NllbTranslator)
    return found


@pytest.fixture(scope="module")
def greedy() -> NllbTranslator:
    return engine(beam_size=1)


@pytest.fixture(scope="module")
def references() -> list[dict[str, Any]]:
    path = local_path("package://mlc_data/quickstart/reference.jsonl")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_source_tokens_are_language_pieces_end(greedy: NllbTranslator) -> None:
    tokens = greedy.source_tokens("How do I bake bread?", "eng_Latn")
    assert tokens[0] == "eng_Latn"
    assert tokens[-1] == "</s>"
    assert "".join(tokens[1:-1]).replace("\u2581", " ").strip() == "How do I bake bread?"


def test_hypotheses_come_in_order_in_mixed_languages_without_the_language_token(
    greedy: NllbTranslator, references: list[dict[str, Any]]
) -> None:
    targets = ("swh_Latn", "arb_Arab", "zho_Hans", "spa_Latn")
    asked = [
        (Request(row["prompt"], "eng_Latn", target), row["references"][target])
        for row in references[:30]
        for target in targets
    ]
    done: list[int] = []
    found = greedy.translate([one for one, _ in asked], lambda indices, _: done.extend(indices))
    exact = sum(one.text == wanted for one, (_, wanted) in zip(found, asked, strict=True))
    assert exact >= 0.9 * len(asked)
    assert sorted(done) == list(range(len(asked)))
    assert all(one.log_prob is None for one in found)
    beam = greedy.translate([one for one, _ in asked[:8]], decoding=Decoding(beam_size=2))
    assert all(one.log_prob is not None and one.log_prob <= 0 for one in beam)
    assert all(one.unknown_share == 0 for one in found)


def test_batches_do_not_change_a_hypothesis(references: list[dict[str, Any]]) -> None:
    requests = [Request(row["prompt"], "eng_Latn", "swh_Latn") for row in references[:40]]
    large = engine(beam_size=2).translate(requests)
    small = engine(beam_size=2, batch_tokens=40).translate(requests)
    assert [one.text for one in large] == [one.text for one in small]


def test_a_decoding_of_its_own_for_one_call(references: list[dict[str, Any]]) -> None:
    requests = [Request(row["prompt"], "eng_Latn", "swh_Latn") for row in references[:20]]
    greedy = engine(beam_size=1)
    beam = Decoding(beam_size=4, no_repeat_ngram_size=3, repetition_penalty=1.2)
    wanted = engine(beam_size=4, no_repeat_ngram_size=3, repetition_penalty=1.2)
    assert wanted.decoding == beam
    assert greedy.translate(requests, decoding=beam) == wanted.translate(requests)
    assert greedy.decoding == Decoding(beam_size=1)
    short = greedy.translate(requests[:1], decoding=Decoding(beam_size=1, max_output_tokens=3))
    assert short[0].failure == FailureReason.OUTPUT_LIMIT


def test_nbest_are_different_and_best_first(references: list[dict[str, Any]]) -> None:
    requests = [Request(row["prompt"], "eng_Latn", "swh_Latn") for row in references[:10]]
    requests.append(Request("How do I bake bread " * 400, "eng_Latn", "swh_Latn"))
    found = engine(beam_size=1).translate_nbest(requests, Decoding(beam_size=4, num_hypotheses=4))
    for several in found[:-1]:
        assert len({one.text for one in several}) == 4
        scores = [one.log_prob for one in several if one.log_prob is not None]
        assert len(scores) == 4
        assert scores == sorted(scores, reverse=True)
    assert [one.failure for one in found[-1]] == [FailureReason.SEGMENT_TOO_LONG]
    best = engine(beam_size=4).translate(requests)
    assert [several[0].text for several in found] == [one.text for one in best]


@pytest.mark.parametrize(
    "wrong",
    [
        {"beam_size": 0},
        {"beam_size": 2, "num_hypotheses": 3},
        {"repetition_penalty": 0.5},
        {"no_repeat_ngram_size": -1},
        {"max_output_tokens": 0},
    ],
)
def test_a_decoding_out_of_range_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Decoding(**wrong)


def test_two_threads_at_once(references: list[dict[str, Any]]) -> None:
    targets = ("swh_Latn", "arb_Arab", "zho_Hans", "spa_Latn")
    lists = [[Request(row["prompt"], "eng_Latn", t) for row in references[:40]] for t in targets]
    shared = engine(beam_size=2)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(shared.translate, lists))
    assert found == [engine(beam_size=2).translate(requests) for requests in lists]


def test_an_unknown_language_is_refused_before_anything_is_translated(
    greedy: NllbTranslator,
) -> None:
    for request in (Request("x", "eng_Latn", "jpn_Jpan"), Request("x", "jpn_Jpan", "eng_Latn")):
        with pytest.raises(ModelError, match="does not know jpn_Jpan; it knows arb_Arab"):
            greedy.translate([request])


def test_what_is_too_long_fails_and_is_never_cut(greedy: NllbTranslator) -> None:
    long = Request("How do I bake bread " * 400, "eng_Latn", "swh_Latn")
    short = Request("How do I bake bread?", "eng_Latn", "swh_Latn")
    found = greedy.translate([short, long])
    assert found[1].failure == FailureReason.SEGMENT_TOO_LONG
    assert found[1].text is None
    assert found[0].text


def test_a_hypothesis_that_reaches_the_limit_fails(references: list[dict[str, Any]]) -> None:
    request = Request(references[0]["prompt"], "eng_Latn", "swh_Latn")
    assert engine(max_output_tokens=3).translate([request])[0].failure == FailureReason.OUTPUT_LIMIT


def test_letters_that_the_model_does_not_know_are_counted(greedy: NllbTranslator) -> None:
    found = greedy.translate([Request("\u10d2\u10d0\u10db\u10d0\u10e0", "eng_Latn", "swh_Latn")])
    assert found[0].unknown_share > 0


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"compute_type": "int3"}, "'int3' is not supported"),
        ({"device": "cuda", "device_index": [99]}, "CUDA device"),
        ({"tokenizer": "package://mlc_data/recipes"}, "has no sentencepiece"),
        ({"model": "package://mlc_data/recipes"}, "not a CTranslate2 model"),
        ({"model": "./none"}, "./none does not exist"),
    ],
)
def test_what_is_wrong_is_told(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(ModelError, match=told):
        load_translator(Translate.model_validate({"model": MODEL, **settings}))


def test_weights_that_are_cut_off_are_told(tmp_path: Path) -> None:
    for file in local_path(MODEL).iterdir():
        data = file.read_bytes()
        (tmp_path / file.name).write_bytes(data[:5000] if file.name == "model.bin" else data)
    translator = load_translator(Translate(model=str(tmp_path)))
    with pytest.raises(ModelError, match="cannot be loaded"):
        translator.translate([Request("How?", "eng_Latn", "swh_Latn")])


def test_an_engine_of_the_users_own() -> None:
    settings = Translate(model="any", family="engine_of_a_user:Engine")
    module = ModuleType("engine_of_a_user")
    module.Engine = type("Engine", (StubTranslator,), {"__init__": _keep})  # type: ignore[attr-defined]
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setitem(sys.modules, module.__name__, module)
        translator = load_translator(settings)
    assert translator.settings is settings
    assert settings.locations == ()


def _keep(self: StubTranslator, settings: Any) -> None:
    self.settings = settings


def test_an_unknown_family_is_refused() -> None:
    with pytest.raises(ValueError, match="`family` is one of auto, nllb, m2m100, madlad, marian"):
        Translate(model="any", family="nlbb")


def test_the_recipe_knows_the_families() -> None:
    assert tuple(FAMILIES) == FAMILY_NAMES
