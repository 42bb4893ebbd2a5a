"""The NLLB-200 token layout on a vocabulary of our own.

Ids are ``<s> <pad> </s> <unk>``, the sentencepiece pieces, then a token for each language, as in
NLLB-200. A source is ``[language] pieces </s>``; the decoder reads ``</s> [language] pieces`` and
is to say ``pieces </s>`` after the language.
"""

from __future__ import annotations

import io
import string
from collections.abc import Iterable, Sequence
from pathlib import Path

import sentencepiece

START, PAD, END, UNKNOWN = range(4)
"""Ids of the four special tokens."""

SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
"""The special tokens, in the order of their ids."""

PIECES_FILE = "sentencepiece.bpe.model"
"""Name that NLLB-200 gives its sentencepiece model."""


def learn_pieces(texts: Iterable[str], size: int) -> bytes:
    """A sentencepiece BPE model of ``size`` pieces, as the bytes of its file.

    Every character of ``texts`` and all of printable ASCII has a piece. Text is not normalised, so
    that decoding gives back exactly what was encoded.
    """
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts),
        model_writer=written,
        model_type="bpe",
        vocab_size=size,
        character_coverage=1.0,
        required_chars=string.ascii_letters + string.digits + string.punctuation,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        num_threads=1,  # with more, sums are added in another order and the pieces may differ
        shuffle_input_sentence=False,
        minloglevel=1,
    )
    return written.getvalue()


class Layout:
    """Texts to token ids, for a sentencepiece model and the languages (FLORES-200 codes)."""

    def __init__(self, pieces: bytes, languages: Sequence[str]) -> None:
        self._pieces = sentencepiece.SentencePieceProcessor(model_proto=pieces)
        own = [self._pieces.id_to_piece(i) for i in range(self._pieces.get_piece_size())]
        self.vocabulary = [*SPECIAL, *(p for p in own if p not in SPECIAL), *languages]
        self._ids = {token: number for number, token in enumerate(self.vocabulary)}

    @classmethod
    def from_folder(cls, folder: Path, languages: Sequence[str]) -> Layout:
        """The layout of a built model's folder."""
        return cls((folder / PIECES_FILE).read_bytes(), languages)

    def source_tokens(self, text: str, language: str) -> list[str]:
        """``[language] pieces </s>``; pieces without a token of their own stay as they are."""
        return [language, *self._pieces.encode(text, out_type=str), SPECIAL[END]]

    def decode(self, tokens: Sequence[str]) -> str:
        """The text of a hypothesis, whose leading language token is dropped."""
        text: str = self._pieces.decode([t for t in tokens if t not in SPECIAL][1:])
        return text

    def source_ids(self, text: str, language: str) -> list[int]:
        """Ids of `source_tokens`."""
        return [self._ids.get(token, UNKNOWN) for token in self.source_tokens(text, language)]

    def target_ids(self, text: str, language: str) -> list[int]:
        """``</s> [language] pieces </s>``: without its last id what the decoder reads, and from
        the third on what it is to say."""
        return [END, *self.source_ids(text, language)]
