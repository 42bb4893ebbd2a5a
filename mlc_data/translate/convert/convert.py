"""Transformers and Marian models to CTranslate2, with a record of their origin."""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

from ctranslate2.converters import OpusMTConverter, TransformersConverter
from ctranslate2.specs.model_spec import ACCEPTED_MODEL_TYPES
from safetensors import SafetensorError

from mlc_data.core.files import sync
from mlc_data.core.model_card import UNKNOWN
from mlc_data.errors import DiskFullError, ModelError, UsageError, is_disk_full
from mlc_data.recipe.recipe import Translate
from mlc_data.translate.convert.origin import Origin, find
from mlc_data.translate.convert.vocabulary import Tokens, read
from mlc_data.translate.engines.base import Decoding, Request, Translator
from mlc_data.translate.engines.families import FAMILIES
from mlc_data.translate.engines.loading import load_translator
from mlc_data.translate.engines.weights import MODEL_FILE

log = logging.getLogger(__name__)


class _Converter(TransformersConverter):  # type: ignore[misc]
    """ctranslate2's converter, from safetensors only, with the tokens of the model's own files."""

    def __init__(self, origin: Origin) -> None:
        super().__init__(str(origin.folder))
        self._origin = origin

    def load_model(self, model_class: Any, model_name_or_path: str, **settings: Any) -> Any:
        model, info = model_class.from_pretrained(
            model_name_or_path, use_safetensors=True, output_loading_info=True, **settings
        )
        lacking = sorted([*info["missing_keys"], *(str(key) for key in info["mismatched_keys"])])
        if lacking:
            # Transformers would initialize them at random and continue.
            raise ModelError(
                f"{self._origin.id}: {len(lacking)} weights are missing or of another shape, "
                f"among them {', '.join(lacking[:3])}"
            )
        self._config = model.config
        if hasattr(model.config, "scale_decoder_outputs"):
            # Transformers 5 calls every T5 tied and keeps what that meant, scaled outputs, in a key
            # of its own, where ctranslate2 does not look: MADLAD-400's logits would shrink 32-fold.
            model.config.tie_word_embeddings = model.config.scale_decoder_outputs
        return model

    def load_tokenizer(self, tokenizer_class: Any, model_name_or_path: str, **_: Any) -> Tokens:
        tokens = read(self._origin.folder, self._origin.family, self._config.vocab_size)
        return Tokens(tokens, self._config.pad_token_id)


def convert(
    location: str,
    out: Path,
    *,
    quantization: str = "int8",
    family: str = "auto",
    revision: str | None = None,
    licence: str | None = None,
    languages: tuple[str, ...] = (),
    force: bool = False,
) -> dict[str, Any]:
    """Write a CTranslate2 model into ``out``, with its tokenizer and `MODEL_FILE`.

    The folder appears when all of it is on disk, or not at all.

    Args:
        location: a folder, or a repository on the Hub.
        out: the folder to write.
        quantization: one of ctranslate2's types of weights.
        family: key of `FAMILIES`, or ``auto``.
        revision: commit, tag or ``refs/pr/<number>`` on the Hub.
        licence: replaces the license in the model card.
        languages: source and target of a Marian model, as FLORES-200 codes.
        force: replace a model that is in ``out``.

    Returns:
        The contents of `MODEL_FILE`.

    Raises:
        ModelError: the model does not exist, or cannot be converted.
        UsageError: ``out`` exists, or a setting is unknown.
    """
    if quantization not in ACCEPTED_MODEL_TYPES:
        raise UsageError(
            f"--quantization {quantization}: known are {', '.join(ACCEPTED_MODEL_TYPES)}"
        )
    _refuse_existing(out, force)
    origin = find(
        location,
        revision=revision,
        family=family,
        licence_named=licence,
        languages=languages,
    )
    log.info("converting %s (%s, revision %s)", origin.id, origin.family, origin.revision[:12])
    if origin.licence == UNKNOWN:
        log.warning(
            "%s: its card names no license; it is recorded as unknown unless --licence names it",
            origin.id,
        )
    with _appearing(out) as folder:
        _write_weights(origin, folder, quantization)
        for choices in FAMILIES[origin.family].tokenizers:
            _copy_first(origin.folder, choices, folder)
        described = _description(origin, quantization)
        _write(folder, described)
        translator = load_translator(Translate(model=str(folder), cache=None, device="cpu"))
        if not translator.languages:
            raise ModelError(
                f"{origin.id} has no language token of the family {origin.family}; is it one? "
                f"--family takes {', '.join(FAMILIES)}"
            )
        _try(translator)
        described["languages"] = list(origin.languages) or sorted(translator.languages)
        described["revision"] = translator.revision
        _write(folder, described)
    log.info("%s: %d languages, in %s", origin.id, len(described["languages"]), out)
    return described


def _refuse_existing(out: Path, force: bool) -> None:
    if not out.exists():
        return
    ours = out.is_dir() and ((out / "model.bin").is_file() or not any(out.iterdir()))
    if not force:
        raise UsageError(f"{out} exists already; name another folder, or add --force to replace it")
    if not ours:
        raise UsageError(f"{out} exists and is not a converted model: --force does not remove it")


@contextmanager
def _appearing(out: Path) -> Iterator[Path]:
    """Yield a folder next to ``out`` that replaces it at the end; it is removed after an error."""
    folder = out.parent / f".{out.name}.{os.getpid()}"
    former = out.parent / f".{out.name}.{os.getpid()}.former"
    try:
        folder.mkdir(parents=True)
        yield folder
        for file in folder.iterdir():
            sync(file)
        if out.exists():
            out.rename(former)
        folder.rename(out)
    except OSError as error:
        if is_disk_full(error):
            raise DiskFullError(f"no space left on the device while writing {out}") from error
        raise UsageError(f"cannot write {out}: {error}") from error
    finally:
        if former.exists() and not out.exists():
            former.rename(out)
        shutil.rmtree(former, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)


def _write_weights(origin: Origin, folder: Path, quantization: str) -> None:
    if origin.is_marian_file:
        converter: Any = OpusMTConverter(str(origin.folder))
    else:
        converter = _Converter(origin)
    try:
        converter.convert(str(folder), quantization=quantization, force=True)
    except (ValueError, KeyError, RuntimeError, OSError, SafetensorError) as error:
        if is_disk_full(error):
            raise
        raise ModelError(f"{origin.id} cannot be converted: {error}") from error


def _copy_first(source: Path, names: tuple[str, ...], folder: Path) -> None:
    for name in names:
        if (source / name).is_file():
            shutil.copyfile(source / name, folder / name)
            return
    raise ModelError(f"{source} has no {names[0]}, which the engine needs")


def _description(origin: Origin, quantization: str) -> dict[str, Any]:
    return {
        "id": origin.id,
        "family": origin.family,
        "licence": origin.licence,
        "source": origin.id,
        "source_revision": origin.revision,
        "quantization": quantization,
        "converter": f"ctranslate2 {metadata.version('ctranslate2')}",
        "languages": list(origin.languages),
    }


def _write(folder: Path, described: dict[str, Any]) -> None:
    text = json.dumps(described, ensure_ascii=False, indent=2) + "\n"
    (folder / MODEL_FILE).write_text(text, encoding="utf-8")


def _try(translator: Translator) -> None:
    """Translate one word, which fails if the weights cannot be loaded or do not fit."""
    known = sorted(translator.languages)
    for source in known:
        for target in known:
            try:
                translator.part(source, target)
            except ModelError:
                continue
            if source != target:
                short = Decoding(beam_size=1, max_output_tokens=4)
                translator.translate([Request("a", source, target)], decoding=short)
                return
    raise ModelError(f"{translator.id} knows no two languages: {', '.join(known)}")
