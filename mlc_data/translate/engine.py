"""The `Translator` protocol, and NLLB models on CTranslate2.

All that depends on the model - token layout, language tokens, limits - is known here alone.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Protocol

import ctranslate2
import sentencepiece

from mlc_data.errors import MlcDataError, ModelError
from mlc_data.hashing import hash_file
from mlc_data.locations import model_location
from mlc_data.recipe import Translate
from mlc_data.records import FailureReason

log = logging.getLogger(__name__)

ENGINE_VERSION = "ctranslate2-nllb-1"
"""Part of every cache key; raise it whenever the same settings may give another text."""

MODEL_FILE = "mlc_data_model.json"
"""Optional file beside a model's weights: id, revision, licence, max_source_tokens."""

_END = "</s>"
_LANGUAGE_TOKEN = re.compile(r"^[a-z]{3}_[A-Z][a-z]{3}$")
_MAX_SOURCE_TOKENS = 512  # what NLLB was trained with; a model's own file may say otherwise


@dataclass(frozen=True, slots=True)
class Request:
    """One sentence to translate, between two FLORES-200 codes."""

    text: str
    source: str
    target: str


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What the engine made of a request.

    ``log_prob`` is the mean log-probability a token (<= 0); ``unknown_share`` the share of source
    pieces (0 to 1) that the vocabulary does not know. With a ``failure`` there is no text.
    """

    text: str | None
    log_prob: float | None
    unknown_share: float
    failure: FailureReason | None = None


class Translator(Protocol):
    """Sentences in, hypotheses out, in order."""

    @property
    def id(self) -> str:
        """Name of the model."""

    @property
    def revision(self) -> str:
        """Commit, or hash of the weights."""

    @property
    def licence(self) -> str:
        """SPDX identifier of the weights, or ``unknown``."""

    @property
    def languages(self) -> frozenset[str]:
        """FLORES-200 codes that the model knows."""

    @property
    def settings(self) -> dict[str, Any]:
        """Everything besides the model and the request that decides a hypothesis."""

    def translate(
        self,
        requests: Sequence[Request],
        done: Callable[[Sequence[int], Sequence[Hypothesis]], None] | None = None,
    ) -> list[Hypothesis]:
        """A hypothesis a request, in order; ``done`` is told of each finished batch (indices into
        ``requests`` and their hypotheses), so that nothing finished is lost.

        Raises:
            ModelError: a language that the model does not know.
        """


def refuse_unknown(translator: Translator, languages: Sequence[str]) -> None:
    """Stop before anything is translated if the model lacks a language.

    An unknown language token would become <unk> silently, and the model would answer in any
    language it likes.

    Raises:
        ModelError: names the languages, and those that the model does know.
    """
    unknown = [code for code in languages if code not in translator.languages]
    if unknown:
        known = sorted(translator.languages)
        shown = ", ".join(known) if len(known) <= 20 else f"{len(known)} languages"
        raise ModelError(
            f"translate.model: {translator.id} does not know {', '.join(unknown)}; it knows {shown}"
        )


class NllbTranslator:
    """An NLLB-200 model (or one with the same token layout) converted to CTranslate2.

    Source tokens are ``[language] pieces </s>``, the decoder is started with the target's language
    token, which the hypothesis repeats and which is dropped.
    """

    def __init__(self, folder: Path, settings: Translate, tokenizer: Path) -> None:
        described = _described(folder)
        self.id = str(described.get("id", settings.model))
        self.licence = settings.licence or str(described.get("licence", "unknown"))
        self.revision = _revision(folder)
        self._max_source = int(described.get("max_source_tokens", _MAX_SOURCE_TOKENS))
        self._settings = settings
        self._vocabulary = _vocabulary(folder)
        self.languages = frozenset(filter(_LANGUAGE_TOKEN.match, self._vocabulary))
        self._pieces = sentencepiece.SentencePieceProcessor(model_file=str(tokenizer))
        self.device, self.compute_type = _device(settings)
        self._folder = folder

    @cached_property
    def _model(self) -> Any:
        """The weights, loaded at the first sentence that is in no cache."""
        chosen = self._settings
        try:
            return ctranslate2.Translator(
                str(self._folder),
                device=self.device,
                device_index=list(chosen.device_index) if self.device == "cuda" else 0,
                compute_type=self.compute_type,
                inter_threads=chosen.inter_threads,
                intra_threads=chosen.intra_threads,
            )
        except (RuntimeError, ValueError) as error:
            raise ModelError(
                f"translate.model: {self._folder} cannot be loaded: {error}"
            ) from error

    @property
    def settings(self) -> dict[str, Any]:
        """Decoding settings, device and numeric type."""
        chosen = self._settings
        return {
            "engine": ENGINE_VERSION,
            "device": self.device,
            "compute_type": self.compute_type,
            "beam_size": chosen.beam_size,
            "repetition_penalty": chosen.repetition_penalty,
            "no_repeat_ngram_size": chosen.no_repeat_ngram_size,
            "max_output_tokens": chosen.max_output_tokens,
        }

    def source_tokens(self, text: str, language: str) -> list[str]:
        """``[language] pieces </s>``."""
        return [language, *self._pieces.encode(text, out_type=str), _END]

    def translate(
        self,
        requests: Sequence[Request],
        done: Callable[[Sequence[int], Sequence[Hypothesis]], None] | None = None,
    ) -> list[Hypothesis]:
        """See `Translator`. Languages are mixed, and batches are filled in order of length."""
        languages = {code for request in requests for code in (request.source, request.target)}
        refuse_unknown(self, sorted(languages))
        tokens = [self.source_tokens(request.text, request.source) for request in requests]
        unknown = [self._unknown_share(pieces) for pieces in tokens]
        found: list[Hypothesis | None] = [None] * len(requests)

        def finish(indices: Sequence[int], hypotheses: Sequence[Hypothesis]) -> None:
            for index, hypothesis in zip(indices, hypotheses, strict=True):
                found[index] = hypothesis
            if done:
                done(indices, hypotheses)

        order = sorted(range(len(requests)), key=lambda index: len(tokens[index]), reverse=True)
        too_long = [index for index in order if len(tokens[index]) > self._max_source]
        refused = FailureReason.SEGMENT_TOO_LONG
        finish(too_long, [Hypothesis(None, None, unknown[i], refused) for i in too_long])
        for batch in _batches(order[len(too_long) :], tokens, self._settings.batch_tokens):
            results = self._run(
                [tokens[index] for index in batch], [requests[index].target for index in batch]
            )
            hypotheses = [
                self._hypothesis(result, requests[index].target, unknown[index])
                for index, result in zip(batch, results, strict=True)
            ]
            finish(batch, hypotheses)
        return [hypothesis for hypothesis in found if hypothesis is not None]

    def _run(self, source: list[list[str]], targets: list[str]) -> list[Any]:
        chosen = self._settings
        try:
            results: list[Any] = self._model.translate_batch(
                source,
                target_prefix=[[target] for target in targets],
                batch_type="tokens",
                max_batch_size=chosen.batch_tokens,
                beam_size=chosen.beam_size,
                repetition_penalty=chosen.repetition_penalty,
                no_repeat_ngram_size=chosen.no_repeat_ngram_size,
                max_decoding_length=chosen.max_output_tokens,
                max_input_length=0,  # 0 is no limit: the default cuts silently
                return_scores=True,
                return_end_token=True,
            )
        except RuntimeError as error:
            if "out of memory" in str(error).lower():
                raise MlcDataError(
                    f"{self.device} ran out of memory; lower translate.batch_tokens "
                    f"(now {chosen.batch_tokens}). What is translated so far is in the cache."
                ) from error
            raise
        return results

    def _hypothesis(self, result: Any, target: str, unknown: float) -> Hypothesis:
        tokens: list[str] = result.hypotheses[0]
        if not tokens or tokens[-1] != _END:
            return Hypothesis(None, None, unknown, FailureReason.OUTPUT_LIMIT)
        pieces = tokens[1:-1] if tokens[0] == target else tokens[:-1]
        text = self._pieces.decode(pieces).strip()
        if not text:
            return Hypothesis(None, None, unknown, FailureReason.EMPTY_OUTPUT)
        return Hypothesis(text, float(result.scores[0]), unknown)

    def _unknown_share(self, tokens: list[str]) -> float:
        pieces = tokens[1:-1]
        return sum(piece not in self._vocabulary for piece in pieces) / max(len(pieces), 1)


def load_translator(settings: Translate) -> Translator:
    """The engine that the recipe names.

    Raises:
        ModelError: the model or its tokenizer is missing or cannot be loaded, or the device is.
    """
    folder = model_location(settings.model, "translate.model", settings.revision)
    if not (folder / "model.bin").is_file():
        raise ModelError(
            f"translate.model: {folder} is no CTranslate2 model (it has no model.bin). Convert one "
            "with ct2-transformers-converter, or name a converted repository on the Hub"
        )
    return NllbTranslator(folder, settings, _tokenizer(folder, settings))


def _tokenizer(folder: Path, settings: Translate) -> Path:
    names = ("sentencepiece.bpe.model", "sentencepiece.model", "spm.model")
    where = folder
    if settings.tokenizer:
        where = model_location(settings.tokenizer, "translate.tokenizer", only=names)
    for name in names:
        if (where / name).is_file():
            return where / name
    raise ModelError(
        f"translate.tokenizer: {where} has no {names[0]}; name a folder or Hub id that has one "
        "(for NLLB: facebook/nllb-200-distilled-600M)"
    )


def _device(settings: Translate) -> tuple[str, str]:
    """Device and compute type, with every `auto` decided."""
    gpus = ctranslate2.get_cuda_device_count()
    device = settings.device if settings.device != "auto" else ("cuda" if gpus else "cpu")
    if device == "cuda" and not gpus:
        raise ModelError("translate.device: CTranslate2 sees no CUDA device; use auto or cpu")
    if device == "cuda" and max(settings.device_index) >= gpus:
        raise ModelError(f"translate.device_index: there are {gpus} CUDA devices, counted from 0")
    supported = ctranslate2.get_supported_compute_types(device)
    if settings.compute_type == "auto":
        wanted = ("int8_float16", "float16") if device == "cuda" else ("int8",)
        return device, next((kind for kind in wanted if kind in supported), "float32")
    if settings.compute_type not in supported:
        raise ModelError(
            f"translate.compute_type: {settings.compute_type!r} is not supported on this {device}; "
            f"these are: {', '.join(sorted(supported))}"
        )
    return device, settings.compute_type


def _described(folder: Path) -> dict[str, Any]:
    path = folder / MODEL_FILE
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}


@lru_cache(maxsize=4)
def _revision(folder: Path) -> str:
    return hash_file(folder / "model.bin")[:16]


def _vocabulary(folder: Path) -> frozenset[str]:
    for name in ("shared_vocabulary.json", "shared_vocabulary.txt"):
        path = folder / name
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            return frozenset(json.loads(text) if name.endswith("json") else text.split("\n"))
    raise ModelError(f"translate.model: {folder} has no shared_vocabulary.json: not an NLLB model")


_BATCHES_AT_ONCE = 4


def _batches(order: Sequence[int], tokens: Sequence[list[str]], limit: int) -> list[list[int]]:
    """Slices of ``order`` of a few batches each: CTranslate2 fills the batches itself, and between
    slices progress is shown and results are stored."""
    slices: list[list[int]] = []
    held = 0
    for index in order:
        if not slices or held + len(tokens[index]) > limit * _BATCHES_AT_ONCE:
            slices.append([])
            held = 0
        slices[-1].append(index)
        held += len(tokens[index])
    return slices
