"""Classifiers: sequence classification models of transformers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

from mlc_data.core.hashing import hash_value
from mlc_data.core.memory import in_halves
from mlc_data.core.model_card import read_license
from mlc_data.core.paths import model_location
from mlc_data.core.revision import revision_of
from mlc_data.errors import ModelError, UsageError
from mlc_data.evaluate.judges.base import KEY, Exchange, Judgment, failed
from mlc_data.lm.loading import default_device, quiet, read_pretrained
from mlc_data.lm.prompt_format import break_control_tokens

_NO_LIMIT = 10**9  # transformers says 1e30 where a tokenizer has no greatest length
_DECIDING = ("*.safetensors", "*.json", "*.model", "*.txt")  # files that determine a model


class Classifier:
    """A judge that reads labels off a sequence classification model.

    As in transformers' own pipeline, labels that exclude each other share a probability of 1 (softmax) and are
    added up; labels that can occur together (``multi_label_classification``, or a single label) have a
    probability each (sigmoid), of which the greatest counts. Nothing is truncated: a text that does not fit
    fails as ``too_long``. Infinite or missing numbers fail as ``not_a_number``.

    Args:
        model: a sequence classification model of transformers.
        tokenizer: its tokenizer.
        id: its name.
        revision: of its weights; the attribute `revision` adds everything else that determines its judgments.
        licence: of its weights.
        unsafe_labels: labels of replies that help with harm; empty: it does not say.
        refusal_labels: labels of replies that decline; empty: it does not say.
        reads: the reply alone, or prompt and reply as a pair of texts.
        threshold: least probability (0 to 1) that counts.
        batch_size: exchanges in a forward pass (>= 1).
        key: the recipe's key, named in errors.

    Raises:
        UsageError: no label is named, or one that the model does not have.
        ModelError: it is a regression model, or has no token to pad a batch with.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        id: str,
        revision: str,
        licence: str,
        unsafe_labels: Sequence[str] = (),
        refusal_labels: Sequence[str] = (),
        reads: Literal["reply", "pair"] = "reply",
        threshold: float = 0.5,
        batch_size: int = 16,
        key: str = KEY,
    ) -> None:
        self._model, self._tokenizer, self._reads = model.eval(), tokenizer, reads
        self.id, self.licence, self.batch_size = id, licence, batch_size
        self._threshold, self._key = threshold, key
        self._labels: list[str] = [
            str(model.config.id2label[number]) for number in range(model.config.num_labels)
        ]
        if model.config.problem_type == "regression":
            raise ModelError(f"{key}: {id} gives a number (problem_type regression), not labels")
        if not unsafe_labels and not refusal_labels:
            raise UsageError(
                f"{key}: name unsafe_labels or refusal_labels of {id}; its labels are "
                f"{', '.join(self._labels)}"
            )
        self._unsafe = self._columns("unsafe_labels", unsafe_labels)
        self._refused = self._columns("refusal_labels", refusal_labels)
        self._exclusive = (
            len(self._labels) > 1 and model.config.problem_type != "multi_label_classification"
        )
        self._give_padding()
        self._limit = _most_tokens(model, tokenizer)
        identity = [
            sorted(unsafe_labels), sorted(refusal_labels), reads, threshold, str(model.dtype),
        ]  # fmt: skip
        self.revision = f"{revision}+{hash_value(identity)[:8]}"

    def judge(self, exchanges: Sequence[Exchange]) -> list[Judgment]:
        """Return one judgment for each exchange, in order; the detail is the likeliest label."""
        judged: dict[int, Judgment] = {}
        fitting: list[tuple[int, dict[str, list[int]]]] = []
        for number, exchange in enumerate(exchanges):
            texts = (
                (exchange.prompt, exchange.reply) if self._reads == "pair" else (exchange.reply,)
            )
            plain = (break_control_tokens(text, self._tokenizer) for text in texts)
            encoded = dict(self._tokenizer(*plain, truncation=False))
            if (length := len(encoded["input_ids"])) > self._limit:
                judged[number] = failed("too_long", f"{length} tokens, {self._limit} fit")
            else:
                fitting.append((number, encoded))
        fitting.sort(key=lambda pair: len(pair[1]["input_ids"]))  # little padding
        for start in range(0, len(fitting), self.batch_size):
            batch = fitting[start : start + self.batch_size]
            rows = in_halves(self._probabilities, [encoded for _, encoded in batch])
            for (number, _), row in zip(batch, rows, strict=True):
                judged[number] = self._read(row)
        return [judged[number] for number in range(len(exchanges))]

    def _probabilities(self, batch: Sequence[dict[str, list[int]]]) -> list[list[float]]:
        import torch

        padded = self._tokenizer.pad(list(batch), return_tensors="pt").to(self._model.device)
        with torch.inference_mode():
            scores = self._model(**padded).logits.float()
        shares = torch.softmax(scores, dim=-1) if self._exclusive else torch.sigmoid(scores)
        rows: list[list[float]] = shares.tolist()
        return rows

    def _read(self, row: list[float]) -> Judgment:
        if not all(map(math.isfinite, row)):
            return failed("not_a_number")
        best = max(range(len(row)), key=row.__getitem__)
        detail = f"{self._labels[best]} {row[best]:.2f}"
        return Judgment(self._says(row, self._unsafe), self._says(row, self._refused), detail)

    def _says(self, row: list[float], columns: list[int]) -> bool | None:
        if not columns:
            return None
        shares = [row[column] for column in columns]
        return (sum(shares) if self._exclusive else max(shares)) >= self._threshold

    def _columns(self, name: str, wanted: Sequence[str]) -> list[int]:
        if unknown := [label for label in wanted if label not in self._labels]:
            raise UsageError(
                f"{self._key}: {name} has {', '.join(unknown)}, which {self.id} does not have; "
                f"its labels are {', '.join(self._labels)}"
            )
        return [number for number, label in enumerate(self._labels) if label in wanted]

    def _give_padding(self) -> None:
        tokenizer, config = self._tokenizer, self._model.config
        if tokenizer.pad_token is None:
            if tokenizer.eos_token is None:
                raise ModelError(
                    f"{self._key}: the tokenizer of {self.id} has neither a padding nor an "
                    "end-of-text token"
                )
            tokenizer.pad_token = tokenizer.eos_token
        if config.pad_token_id is None:
            # Decoders look for the last token that is not padding.
            config.pad_token_id = tokenizer.pad_token_id


def load_classifier(
    location: str,
    *,
    revision: str | None = None,
    unsafe_labels: Sequence[str] = (),
    refusal_labels: Sequence[str] = (),
    reads: Literal["reply", "pair"] = "reply",
    threshold: float = 0.5,
    batch_size: int = 16,
    key: str = KEY,
) -> Classifier:
    """Load a classifier from a folder or the Hub, on the GPU if there is one. See `Classifier`.

    Only safetensors are read, and no code of a repository is run.

    Raises:
        ModelError: it is missing, incomplete, pickled, or not a sequence classification model.
        UsageError: no label is named, or one that the model does not have.
    """
    folder = model_location(location, key, revision)
    if not (folder / "config.json").is_file():
        raise ModelError(f"{key}: {location} has no config.json: not a Hugging Face model folder")
    if not any(folder.glob("*.safetensors")):
        raise ModelError(
            f"{key}: {location} has no *.safetensors; pickled weights can run code when they are "
            "loaded: convert them"
        )
    with quiet():
        architecture = "AutoModelForSequenceClassification"
        model, tokenizer = read_pretrained(architecture, folder, location, key)
    return Classifier(
        model.to(default_device()),
        tokenizer,
        id=location,
        revision=revision_of(folder, location, _DECIDING),
        licence=read_license(folder),
        unsafe_labels=unsafe_labels,
        refusal_labels=refusal_labels,
        reads=reads,
        threshold=threshold,
        batch_size=batch_size,
        key=key,
    )


def _most_tokens(model: Any, tokenizer: Any) -> int:
    from torch import nn

    positions = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    known = [tokenizer.model_max_length, positions]
    for name, module in model.named_modules():
        # RoBERTa and similar models start to count after the padding token's id.
        if name.endswith("position_embeddings") and isinstance(module, nn.Embedding):
            skipped = 0 if module.padding_idx is None else module.padding_idx + 1
            known.append(module.num_embeddings - skipped)
    # A configuration may say 0 or -1 for no greatest length.
    return min(int(limit) for limit in (*known, _NO_LIMIT) if limit is not None and limit > 0)
