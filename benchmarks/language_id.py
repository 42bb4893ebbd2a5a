"""Language identification of good translations: the textbook filter against ours.

    python benchmarks/language_id.py --ntrex DIR

DIR holds one text file a language (`swh_Latn.txt`), line n of each the same sentence, `eng_Latn.txt`
among them: NTREX-128 under FLORES-200 names. The textbook filter keeps a text if the identifier's
first label is the expected language with a score of at least 0.65. Both filters see the same texts
in the same run. The second table shows text in one language handed in as another: how much of it
each filter, with our script check before it, finds.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import polars as pl
from rich.console import Console
from rich.table import Table

from mlc_data.checks import LanguageId, LanguageIdentifier, Script, load_identifier
from mlc_data.checks.identifiers import labels_of
from mlc_data.languages import get_language
from mlc_data.recipe_checks import Checks

TEXTBOOK = 0.65
PAPER = (
    "eng_Latn", "zho_Hans", "rus_Cyrl", "jpn_Jpan", "arb_Arab", "ben_Beng", "swh_Latn", "urd_Arab",
    "pbt_Arab", "kmr_Latn",
)  # fmt: skip
QUICKSTART = (
    "eng_Latn", "spa_Latn", "fra_Latn", "deu_Latn", "rus_Cyrl", "swh_Latn", "arb_Arab", "zho_Hans",
)  # fmt: skip
RECIPES = {"the paper's languages": PAPER, "the quickstart's languages": QUICKSTART}
OPENING_WORDS = 7
OPENING_CHARACTERS = 14  # of Chinese and Japanese: about as long

console = Console()

Keep = Callable[[pl.DataFrame], pl.Series]


def read(folder: Path, codes: Sequence[str], opening: bool) -> dict[str, list[str]]:
    """Texts by language, in parallel; only their openings if so asked."""
    found = {}
    for code in codes:
        lines = (folder / f"{code}.txt").read_text(encoding="utf-8").rstrip("\n").split("\n")
        found[code] = [shorten(line, code) for line in lines] if opening else lines
    return found


def shorten(line: str, code: str) -> str:
    """The opening of a sentence: as long as a short prompt."""
    if get_language(code).spaced:
        return " ".join(line.split()[:OPENING_WORDS])
    return line[:OPENING_CHARACTERS]


def textbook(identifier: LanguageIdentifier) -> Keep:
    """Keep what is certainly in the expected language."""

    def keep(rows: pl.DataFrame) -> pl.Series:
        found = identifier.identify(rows["text"].to_list())
        kept = []
        for code, answer in zip(rows["language"], found, strict=True):
            label, score = max(answer.items(), key=lambda pair: pair[1], default=("", 0.0))
            expected = labels_of(get_language(code), identifier)
            kept.append(label in expected and score >= TEXTBOOK)
        return pl.Series(kept, dtype=pl.Boolean)

    return keep


def ours(identifier: LanguageIdentifier, codes: tuple[str, ...]) -> Keep:
    """Keep what is not rather in another language of the recipe."""
    check = LanguageId(identifier, codes)
    return lambda rows: check.score(rows).hstack(rows).select(check.passes()).to_series()


def in_script(rows: pl.DataFrame) -> pl.Series:
    """Keep what is written in the language's script."""
    check = Script()
    return check.score(rows).hstack(rows).select(check.passes()).to_series()


def table_of(texts: dict[str, list[str]], codes: Sequence[str]) -> pl.DataFrame:
    """Every text handed in as every target language: ``language`` and what it ``really`` is."""
    source, targets = codes[0], codes[1:]
    return pl.concat(
        pl.DataFrame(
            {"language": code, "really": really, "source": texts[source], "text": texts[really]}
        )
        for code in targets
        for really in codes
    )


def compare(texts: dict[str, list[str]], codes: tuple[str, ...], title: str) -> None:
    """Print both tables."""
    location = Checks().language_identifier
    assert location
    identifier = load_identifier(location)
    rows = table_of(texts, codes)
    rows = rows.with_columns(script=in_script(rows))
    speeds = {}
    for name, keep in (("textbook", textbook(identifier)), ("ours", ours(identifier, codes))):
        begun = time.perf_counter()
        rows = rows.with_columns(keep(rows).alias(name))
        speeds[name] = rows.height / (time.perf_counter() - begun)
    shares = rows.group_by("language", "really", maintain_order=True).agg(
        pl.col("textbook", "ours").mean(),
        *((pl.col(name) & pl.col("script")).mean().alias(f"{name}+") for name in speeds),
    )
    right = Table("good text in", "textbook keeps", "ours keeps", "ratio", title=title)
    for code, _, theirs, mine, *_ in shares.filter(pl.col("language") == pl.col("really")).rows():
        ratio = f"{mine / theirs:.2f}" if theirs else "-"
        right.add_row(code, f"{theirs:.3f}", f"{mine:.3f}", ratio)
    console.print(right)
    wrong = Table("text in", "handed in as", "textbook finds", "ours finds")
    similar = shares.filter(pl.col("language") != pl.col("really"))
    for code, really, _, _, theirs, mine in similar.rows():
        if rows.filter((pl.col("language") == code) & (pl.col("really") == really))["script"].any():
            wrong.add_row(really, code, f"{1 - theirs:.3f}", f"{1 - mine:.3f}")
    console.print(wrong)
    means = {name: 1 - similar[f"{name}+"].to_numpy().mean() for name in speeds}
    console.print(
        f"all wrong pairs: textbook finds {means['textbook']:.3f}, ours {means['ours']:.3f}; "
        f"texts/s: textbook {speeds['textbook']:,.0f}, ours {speeds['ours']:,.0f}\n"
    )


def main() -> None:
    """Compare on whole sentences and on their openings, for two lists of languages."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--ntrex", type=Path, required=True, help="folder of parallel text files")
    folder = parser.parse_args().ntrex
    for name, codes in RECIPES.items():
        for opening in (False, True):
            what = f"first {OPENING_WORDS} words" if opening else "whole sentences"
            compare(read(folder, codes, opening), codes, f"{name}, {what}")


if __name__ == "__main__":
    main()
