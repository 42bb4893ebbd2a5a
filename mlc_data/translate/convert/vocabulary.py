"""The tokens of a Transformers model in the order of their ids, read from its own files.

ctranslate2's converter asks the tokenizer, and with transformers 5 that is not enough: an NLLB folder
that has a sentencepiece file and no tokenizer.json is not read at all without protobuf, M2M100's
language tokens are in ``get_vocab`` only where special_tokens_map.json happens to list them, and
``special_tokens_map``, where the converter looks for the others, no longer has any. A language token
that is not in the converted vocabulary becomes <unk>, silently.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import sentencepiece

from mlc_data.errors import ModelError
from mlc_data.translate.engines.families.nllb import LANGUAGE_TOKEN

END, UNKNOWN, PAD = "</s>", "<unk>", "<pad>"
_FAIRSEQ = ("<s>", PAD, END, UNKNOWN)
_MOST_FILLERS = 128  # rows that only round up a matrix; T5 has the most, 28, and 100 sentinels


def read(folder: Path, family: str, size: int) -> list[str]:
    """Return all ``size`` tokens (rows of the embedding matrix) of a model of a family.

    Raises:
        ModelError: files are missing, or the number of tokens does not fit the rows.
    """
    reader = {"nllb": _nllb, "m2m100": _m2m100, "madlad": _t5, "marian": _marian}[family]
    by_id = dict(enumerate(reader(folder)))
    by_id.update(_added(folder))
    tokens = [by_id[number] for number in sorted(by_id)]
    fillers = size - len(tokens)
    if sorted(by_id) != list(range(len(tokens))) or not 0 <= fillers <= _MOST_FILLERS:
        raise ModelError(
            f"{folder}: its tokenizer has {len(tokens)} tokens, and its weights have rows for "
            f"{size}: they do not belong together, or the files of the tokenizer are not complete"
        )
    if len(set(tokens)) != len(tokens) or not {END, UNKNOWN} <= set(tokens):
        raise ModelError(f"{folder}: its tokenizer repeats tokens, or lacks {END} or {UNKNOWN}")
    name = "<extra_id_{}>" if family == "madlad" else "madeupword{}"
    return tokens + [name.format(number) for number in range(fillers)]


def _nllb(folder: Path) -> list[str]:
    if (folder / "tokenizer.json").is_file():
        return _fast(folder)
    from transformers.models.nllb.tokenization_nllb import FAIRSEQ_LANGUAGE_CODES

    pieces = _pieces(folder, "sentencepiece.bpe.model")
    own = [piece for piece in pieces if piece not in _FAIRSEQ]
    declared = [token for token in _declared(folder) if LANGUAGE_TOKEN.match(token)]
    return [*_FAIRSEQ, *own, *(declared or FAIRSEQ_LANGUAGE_CODES), "<mask>"]


def _m2m100(folder: Path) -> list[str]:
    from transformers.models.m2m_100.tokenization_m2m_100 import FAIRSEQ_LANGUAGE_CODES

    languages = [f"__{code}__" for code in FAIRSEQ_LANGUAGE_CODES["m2m100"]]
    return [*_in_order(_json(folder / "vocab.json"), folder), *languages]


def _t5(folder: Path) -> list[str]:
    return _pieces(folder, "spiece.model")


def _marian(folder: Path) -> list[str]:
    if (folder / "target_vocab.json").is_file():
        raise ModelError(
            f"{folder} has a vocabulary for each language, which ctranslate2's converter cannot "
            "read from Transformers; convert Marian's own files (decoder.yml and its .npz) instead"
        )
    tokens = _in_order(_json(folder / "vocab.json"), folder)
    if not tokens or tokens[-1] != PAD:
        raise ModelError(f"{folder / 'vocab.json'}: {PAD} must be its last token, as in OPUS-MT")
    return tokens


def _pieces(folder: Path, name: str) -> list[str]:
    if not (folder / name).is_file():
        raise ModelError(f"{folder} has no {name}")
    model = sentencepiece.SentencePieceProcessor(model_file=str(folder / name))
    return [model.id_to_piece(number) for number in range(model.get_piece_size())]


def _fast(folder: Path) -> list[str]:
    vocabulary = _json(folder / "tokenizer.json")["model"]["vocab"]
    if isinstance(vocabulary, Mapping):
        return _in_order(vocabulary, folder)
    return [str(entry[0]) for entry in vocabulary]  # a unigram model: pairs of piece and score


def _added(folder: Path) -> dict[int, str]:
    """Return the tokens outside the tokenizer's own vocabulary, by id."""
    tokens: dict[int, str] = {}
    for entry in _json(folder / "tokenizer.json").get("added_tokens", []):
        tokens[int(entry["id"])] = str(entry["content"])
    for token, number in _json(folder / "added_tokens.json").items():
        tokens[int(number)] = str(token)
    decoder = _json(folder / "tokenizer_config.json").get("added_tokens_decoder", {})
    for number, entry in decoder.items():
        tokens[int(number)] = str(entry["content"])
    return tokens


def _declared(folder: Path) -> list[str]:
    """Return the additional special tokens that the tokenizer's files name, in order."""
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        for key in ("extra_special_tokens", "additional_special_tokens"):
            named = _json(folder / name).get(key)
            if isinstance(named, list) and named:
                return [
                    token["content"] if isinstance(token, dict) else str(token) for token in named
                ]
    return []


def _in_order(vocabulary: Mapping[str, Any], folder: Path) -> list[str]:
    ordered = sorted(vocabulary, key=lambda token: int(vocabulary[token]))
    if not ordered or [vocabulary[token] for token in ordered] != list(range(len(ordered))):
        raise ModelError(f"{folder}: the ids of its vocabulary are missing or have gaps")
    return ordered


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise ModelError(f"{path} cannot be read: {error}") from error


class Tokens:
    """A model's tokens, with the part of a tokenizer's interface that ctranslate2's converter uses."""

    special_tokens_map: Mapping[str, Any] = {}
    num_madeup_words = 0
    eos_token, unk_token = END, UNKNOWN

    def __init__(self, tokens: Sequence[str], pad: int) -> None:
        self._tokens = list(tokens)
        self.unk_token_id = self._tokens.index(UNKNOWN)
        self.pad_token = self._tokens[pad]
        self.bos_token = "<s>" if "<s>" in self._tokens else self.pad_token

    def get_vocab(self) -> dict[str, int]:
        """Return the id of the token of every row of the weights."""
        return {token: number for number, token in enumerate(self._tokens)}

    def convert_ids_to_tokens(self, number: int) -> str:
        """Return the token of an id."""
        return self._tokens[number]
