"""`mlc-data models convert` and `show` on tiny models of every architecture."""

from __future__ import annotations

import json
import logging
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import tiny_models
import torch
from safetensors.torch import load_file, save_file

from mlc_data.cli.main import main
from mlc_data.core import console, progress
from mlc_data.errors import DiskFullError, ModelError, UsageError
from mlc_data.translate.convert import convert, vocabulary
from mlc_data.translate.engines.weights import MODEL_FILE

NLLB = ("eng_Latn", "swh_Latn", "zho_Hans")
module = sys.modules["mlc_data.translate.convert.convert"]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    tiny_models.nllb(root / "nllb", NLLB)
    tiny_models.m2m100(root / "m2m100")
    tiny_models.madlad(root / "madlad")
    tiny_models.marian(root / "opus-mt-en-sw")
    tiny_models.marian_file(root / "opus-mt-en-es")
    return root


@pytest.fixture
def copied(models: Path, tmp_path: Path) -> Callable[[str], Path]:
    """A model's folder that a test may spoil."""

    def copy(name: str) -> Path:
        return Path(shutil.copytree(models / name, tmp_path / "spoilt" / name))

    return copy


@pytest.fixture
def mlc_data(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., tuple[str, str]]]:
    """Call the command; its output and its log."""

    def call(*arguments: str) -> tuple[str, str]:
        monkeypatch.setattr(sys, "argv", ["mlc-data", *arguments])
        with pytest.raises(SystemExit) as left:
            main()
        said = capsys.readouterr()
        assert left.value.code == 0, said.err
        return said.out, said.err

    yield call
    logger = logging.getLogger("mlc_data")
    logger.propagate = True
    while console._handlers:
        logger.removeHandler(console._handlers.pop())
    progress.use(progress.LogReporter())


@pytest.mark.parametrize(
    ("name", "family", "licence", "languages", "files"),
    [
        ("nllb", "nllb", "CC-BY-NC-4.0", 3, {"sentencepiece.bpe.model"}),
        ("m2m100", "m2m100", "MIT", 98, {"sentencepiece.bpe.model"}),
        ("madlad", "madlad", "Apache-2.0", 6, {"spiece.model"}),
        ("opus-mt-en-sw", "marian", "CC-BY-4.0", 2, {"source.spm", "target.spm"}),
        ("opus-mt-en-es", "marian", "unknown", 2, {"source.spm", "target.spm"}),
    ],
)
def test_the_command_writes_weights_tokenizer_and_origin(
    models: Path,
    tmp_path: Path,
    mlc_data: Callable[..., tuple[str, str]],
    *,
    name: str,
    family: str,
    licence: str,
    languages: int,
    files: set[str],
) -> None:
    out = tmp_path / "out"
    said, logged = mlc_data("models", "convert", str(models / name), "--out", str(out))
    assert f"{family}, {languages} languages, licence {licence}" in said
    assert "converting" in logged
    assert ("names no license" in logged) == (licence == "unknown")
    told = json.loads((out / MODEL_FILE).read_text())
    assert told["id"] == told["source"] == str(models / name)
    assert (told["family"], told["licence"], len(told["languages"])) == (family, licence, languages)
    assert told["quantization"] == "int8"
    assert told["converter"].startswith("ctranslate2 4.")
    assert len(told["source_revision"]) == 64
    assert files | {"model.bin", "config.json", MODEL_FILE} <= {path.name for path in out.iterdir()}
    assert not list(tmp_path.glob(".*"))

    shown, _ = mlc_data("models", "show", str(out))
    assert all(part in shown for part in (family, licence, told["revision"], told["languages"][0]))


def test_language_tokens_are_in_the_vocabulary_whatever_names_them(
    models: Path, tmp_path: Path, copied: Callable[[str], Path]
) -> None:
    tiny_models.nllb(tmp_path / "nllb", None)  # no file names the 202 languages
    assert len(convert(str(tmp_path / "nllb"), tmp_path / "1")["languages"]) == 202
    bare = copied("m2m100")
    (bare / "special_tokens_map.json").unlink()
    assert len(convert(str(bare), tmp_path / "2")["languages"]) == 98
    # As the real NLLB-200 repositories are: everything is in tokenizer.json.
    fast = copied("nllb")
    size = json.loads((fast / "config.json").read_text())["vocab_size"]
    tokens = vocabulary.read(fast, "nllb", size)
    own = tokens.index(NLLB[0])
    added = [{"id": own + i, "content": token} for i, token in enumerate([*NLLB, "<mask>"])]
    (fast / "tokenizer.json").write_text(
        json.dumps(
            {
                "model": {"vocab": {token: i for i, token in enumerate(tokens[:own])}},
                "added_tokens": added,
            }
        )
    )
    (fast / "special_tokens_map.json").unlink()
    assert vocabulary.read(fast, "nllb", size) == tokens
    assert convert(str(fast), tmp_path / "3")["languages"] == sorted(NLLB)


def _pickled(folder: Path) -> None:
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def _without(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def _lacking_weights(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    save_file(dict(list(weights.items())[3:]), folder / "model.safetensors", {"format": "pt"})


def _cut(folder: Path) -> None:
    data = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(data[: len(data) // 2])


def _config(**changed: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**config, **changed}))

    return change


def _fewer_pieces(folder: Path) -> None:
    own = json.loads((folder / "vocab.json").read_text())
    (folder / "vocab.json").write_text(json.dumps(dict(list(own.items())[:-5])))


@pytest.mark.parametrize(
    ("name", "spoil", "told"),
    [
        ("m2m100", _pickled, "only pickled weights .pytorch_model.bin.*only safetensors are read"),
        ("m2m100", _without("model.safetensors"), "has no safetensors"),
        ("m2m100", _lacking_weights, "weights are missing or of another shape"),
        ("m2m100", _cut, "cannot be converted"),
        ("m2m100", _without("sentencepiece.bpe.model"), "has no sentencepiece.bpe.model"),
        ("m2m100", _config(model_type="bert"), "model type 'bert'; what can be converted"),
        ("m2m100", _config(_name_or_path="alirezamsh/small100"), "SMaLL-100"),
        ("m2m100", _without("config.json"), "no config.json with a model_type"),
        ("nllb", _config(vocab_size=20), "cannot be converted"),
        ("nllb", _without("special_tokens_map.json"), "do not belong together"),
        ("nllb", _without("sentencepiece.bpe.model"), "has no sentencepiece.bpe.model"),
        ("opus-mt-en-sw", _without("target.spm"), "has no target.spm"),
        ("opus-mt-en-sw", _fewer_pieces, "must be its last token"),
        ("opus-mt-en-es", _without("model.npz"), "is no .npz file here"),
        ("opus-mt-en-es", _without("vocab.yml"), "cannot be converted"),
    ],
)
def test_what_cannot_be_converted_is_told_and_leaves_nothing(
    copied: Callable[[str], Path],
    tmp_path: Path,
    name: str,
    spoil: Callable[[Path], None],
    told: str,
) -> None:
    folder = copied(name)
    spoil(folder)
    with pytest.raises(ModelError, match=told):
        convert(str(folder), tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["spoilt"]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"quantization": "int3"}, "--quantization int3: known are"),
        ({"family": "gpt"}, "--family gpt: known are auto, nllb"),
        ({"family": "madlad"}, "cannot be converted|has no spiece.model"),
        ({"revision": "main"}, "--revision names a commit on the Hub"),
        ({"languages": ("eng_Latn", "swh_Latn")}, "--languages names the source and the target"),
    ],
)
def test_settings_that_do_not_fit(
    models: Path, tmp_path: Path, settings: dict[str, Any], told: str
) -> None:
    with pytest.raises(UsageError, match=told):
        convert(str(models / "m2m100"), tmp_path / "out", **settings)
    assert not list(tmp_path.iterdir())


def test_a_marian_model_names_its_languages_by_name_or_by_option(
    models: Path, tmp_path: Path
) -> None:
    for name, why in (("model", "does not contain them"), ("opus-mt-en-zh", "ambiguous")):
        folder = Path(shutil.copytree(models / "opus-mt-en-sw", tmp_path / name))
        out = tmp_path / f"out-{name}"
        with pytest.raises(ModelError, match=f"{why}.*--languages eng_Latn,swh_Latn"):
            convert(str(folder), out)
        named = ("eng_Latn", "zho_Hans")
        assert convert(str(folder), out, languages=named)["languages"] == list(named)


def test_a_marian_model_of_several_target_languages_is_refused(tmp_path: Path) -> None:
    folder = tiny_models.marian(tmp_path / "opus-mt-en-sw", extra=[">>swa<<", ">>swh<<"])
    with pytest.raises(ModelError, match=r"several target languages \(>>swa<<, >>swh<<\)"):
        convert(str(folder), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_licence_by_option_and_by_card(models: Path, tmp_path: Path) -> None:
    told = convert(str(models / "opus-mt-en-es"), tmp_path / "1", licence="CC-BY-4.0")
    assert told["licence"] == "CC-BY-4.0"
    for number, (card, wanted) in enumerate(
        [
            ("---\nlicense: other\nlicense_name: my-terms\n---\n", "my-terms"),
            ("---\nlicense: [mit, cc-by-4.0]\n---\n", "MIT AND CC-BY-4.0"),
            ("---\nlicense: [\n---\n", "unknown"),
            ("# no head\nlicense: mit\n", "unknown"),
        ]
    ):
        folder = tiny_models.m2m100(tmp_path / f"m{number}", licence=None)
        (folder / "README.md").write_text(card)
        assert convert(str(folder), tmp_path / f"out{number}")["licence"] == wanted


def test_an_existing_folder_is_replaced_only_by_force_and_only_a_model(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    convert(str(models / "m2m100"), out)
    with pytest.raises(UsageError, match="exists already"):
        convert(str(models / "nllb"), out)
    # What fails, or is stopped, leaves the former model as it was.
    for error in (KeyboardInterrupt(), OSError(28, "No space left on device")):

        def fail(*_: object, error: BaseException = error) -> None:
            raise error

        with monkeypatch.context() as patch:
            patch.setattr(module, "_try", fail)
            with pytest.raises((KeyboardInterrupt, DiskFullError)):
                convert(str(models / "nllb"), out, force=True)
        assert json.loads((out / MODEL_FILE).read_text())["family"] == "m2m100"
        assert [path.name for path in tmp_path.iterdir()] == ["out"]
    convert(str(models / "nllb"), out, force=True)
    assert json.loads((out / MODEL_FILE).read_text())["family"] == "nllb"
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match="is not a converted model"):
        convert(str(models / "nllb"), mine, force=True)
    assert (mine / "thesis.txt").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "out"]


def test_the_same_model_gives_the_same_weights(models: Path, tmp_path: Path) -> None:
    first = convert(str(models / "madlad"), tmp_path / "1")
    assert convert(str(models / "madlad"), tmp_path / "2") == first
