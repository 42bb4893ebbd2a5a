"""Judged translations of WMT 2021 quality estimation, task 3, as text that a translator writes."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl

_JOINED_BEFORE = re.compile(r" +([.,;:!?)\]}%…]+(?:\s|$))")
_JOINED_AFTER = re.compile(r"([(\[{]) +")
_LATIN = "[A-Za-zÀ-ɏ]"
_BLANK_OF_TOKENS = re.compile(rf"(?<!{_LATIN}) +| +(?!{_LATIN})")


def read_judged(path: Path, language: str, count: int | None = None) -> pl.DataFrame:
    """Return ``source``, ``text`` and ``critical`` (bool) of a file ``<language>.<part>.tsv``.

    The translations in it are tokenised: no translator writes ``[ URL ]`` or blanks between Japanese words.

    Args:
        path: tab-separated, without quoting.
        language: FLORES-200 code.
        count: rows read, from the first; all by default.
    """
    table = pl.read_csv(path, separator="\t", quote_char=None, n_rows=count, glob=False)
    pairs = table.select("source", "translation").iter_rows()
    texts = [detokenised(text, source, language) for source, text in pairs]
    return table.select("source", text=pl.Series(texts), critical=pl.col("critical") == 1)


def detokenised(text: str, source: str, language: str) -> str:
    """Return a tokenised text with the blanks of its language: in Japanese between Latin words
    alone; in others none before marks, nor within words of the source."""
    if language == "jpn_Jpan":
        return _BLANK_OF_TOKENS.sub("", text)
    if text.startswith('"') and text.endswith('"') and '""' in text:
        text = text[1:-1].replace('""', '"')
    for word in dict.fromkeys(source.split()):
        parts = re.findall(r"\w+|[^\w\s]", word)
        if len(parts) > 1:
            spaced = r" *".join(map(re.escape, parts))
            text = re.sub(rf"(?<!\S){spaced}(?!\S)", lambda _, word=word: word, text)
    text = re.sub(r"(?<=\d) ([.,]) (?=\d)", r"\1", text)
    text = re.sub(r"(?<=\w) ([-'’/]) (?=\w)", r"\1", text)
    return _JOINED_AFTER.sub(r"\1", _JOINED_BEFORE.sub(r"\1", _JOINED_BEFORE.sub(r"\1", text)))
