"""Language identification of good translations and of wrong ones: the textbook filter against ours.

    python benchmarks/language_id.py --ntrex DIR

DIR holds one text file a language (`swh_Latn.txt`), line n of each the same sentence, `eng_Latn.txt`
among them: NTREX-128 under FLORES-200 names. All its languages make one recipe. Good text is a
language's own; wrong text is every other language's, and the English source, handed in as it.

The textbook filter keeps a text if lid.176's first label is the expected language with a score of at
least 0.65. Ours is the script check and the vote of the identifiers, with default thresholds. Both
see the same texts in the same run. The reliabilities that weigh our votes come from every second
line (benchmarks/identifier_reliability.py), so only the other half is measured here.

Openings are as long as a short prompt. One that holds next to no letters of its own language's
script (a name in Latin letters that begins a Chinese sentence) is no wrong text, and is left out
where it would be handed in as wrong.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import polars as pl
from rich.console import Console
from rich.table import Table

from mlc_data.checks import LanguageId, Script
from mlc_data.errors import ModelError
from mlc_data.language_id.base import LanguageIdentifier, labels_of
from mlc_data.language_id.loading import load_identifiers
from mlc_data.languages.flores import get_language
from mlc_data.recipe.checks import Checks

TEXTBOOK = 0.65
SOURCE = "eng_Latn"
LID = Checks().language_identifiers[0]
CONFIGURATIONS = {
    "lid.176": (LID,),
    "+ lingua": (LID, "lingua"),
    "+ heliport": (LID, "heliport"),
    "all three": (LID, "lingua", "heliport"),
}
CHARACTERS_A_WORD = {"Hans": 2, "Hant": 2, "Jpan": 2, "Thai": 4}
OWN_SCRIPT = 0.7
GOAL_KEPT, GOAL_THROUGH = 0.98, 0.02

console = Console(width=200)

Keep = Callable[[pl.DataFrame], pl.Series]


def shorten(line: str, code: str, words: int) -> str:
    """The opening of a sentence."""
    language = get_language(code)
    if language.spaced:
        return " ".join(line.split()[:words])
    return line[: words * CHARACTERS_A_WORD[language.script]]


def read(folder: Path, codes: Sequence[str], words: int | None) -> pl.DataFrame:
    """``really``, ``source`` (the whole English sentence) and ``text``: every second line."""
    lines = {
        code: (folder / f"{code}.txt").read_text(encoding="utf-8").rstrip("\n").split("\n")[1::2]
        for code in codes
    }
    return pl.DataFrame(
        [
            {
                "really": code,
                "source": source,
                "text": shorten(text, code, words) if words else text,
            }
            for code in codes
            for source, text in zip(lines[SOURCE], lines[code], strict=True)
        ]
    )


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


def ours(identifiers: Sequence[LanguageIdentifier], codes: Sequence[str]) -> Keep:
    """Keep what is not rather in another language, nor in another script."""
    vote, script = LanguageId(tuple(identifiers), tuple(codes)), Script()

    def keep(rows: pl.DataFrame) -> pl.Series:
        scores = pl.concat([rows, vote.score(rows), script.score(rows)], how="horizontal")
        return scores.select(vote.passes() & script.passes()).to_series()

    return keep


class Cached:
    """An identifier that is asked for each text once: every text is handed in as every language."""

    def __init__(self, identifier: LanguageIdentifier) -> None:
        self.id, self.revision = identifier.id, identifier.revision
        self.licence, self.labels = identifier.licence, identifier.labels
        self._identifier = identifier
        self._known: dict[str, dict[str, float]] = {}
        self.seconds, self.texts = 0.0, 0

    def identify(self, texts: Sequence[str]) -> list[dict[str, float]]:
        """As the identifier itself."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        begun = time.perf_counter()
        self._known.update(zip(new, self._identifier.identify(new), strict=True))
        self.seconds += time.perf_counter() - begun
        self.texts += len(new)
        return [self._known[text] for text in texts]


def available() -> dict[str, tuple[Cached, ...]]:
    """The configurations whose packages are installed."""
    cached: dict[str, Cached] = {}
    found = {}
    for name, locations in CONFIGURATIONS.items():
        try:
            for location in locations:
                if location not in cached:
                    cached[location] = Cached(load_identifiers([location])[0])
        except ModelError as error:
            console.print(f"{name}: left out. {error}", highlight=False)
        else:
            found[name] = tuple(cached[location] for location in locations)
    return found


def compare(texts: pl.DataFrame, codes: Sequence[str], keeps: dict[str, Keep], title: str) -> bool:
    """Print the share of good text that each filter keeps and of wrong text that it lets through; below the
    table, whether each of ours reaches the goal everywhere."""
    own = texts.rename({"really": "language"})
    holds = Script().score(own)["script_share"] >= OWN_SCRIPT
    table = Table("expected", *keeps, title=title)
    short: dict[str, list[str]] = {name: [] for name in keeps}
    for code in codes:
        rows = texts.with_columns(language=pl.lit(code), holds=holds)
        rows = rows.filter((pl.col("really") == code) | pl.col("holds"))
        cells = []
        for name, keep in keeps.items():
            judged = rows.with_columns(kept=keep(rows))
            shares = judged.group_by("really", maintain_order=True).agg(pl.col("kept").mean())
            good = shares.filter(pl.col("really") == code)["kept"].item()
            wrong = shares.filter(pl.col("really") != code).sort("kept", descending=True)
            worst, through = wrong.row(0)
            mean = judged.filter(pl.col("really") != code)["kept"].mean()
            cells.append(f"{good:.3f} / {mean:.3f} ({through:.3f} {worst})")
            if good < GOAL_KEPT:
                short[name].append(f"{code} keeps {good:.3f}")
            if through > GOAL_THROUGH:
                short[name].append(f"{code} lets {through:.3f} {worst} through")
        table.add_row(code, *cells)
    console.print(table)
    for name, missed in short.items():
        what = "; ".join(missed) or "reached everywhere"
        console.print(f"{name}: {what}", highlight=False, soft_wrap=True)
    console.print()
    return not short["all three"] if "all three" in short else False


def main() -> None:
    """Compare on whole sentences and on openings."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--ntrex", type=Path, required=True, help="folder of parallel text files")
    parser.add_argument("--words", type=int, nargs="*", default=[7], help="lengths of openings")
    chosen = parser.parse_args()
    found = {path.stem for path in chosen.ntrex.glob("*_*.txt")} - {SOURCE}
    codes = (SOURCE, *sorted(found))
    panels = available()
    keeps = {
        "textbook": textbook(panels["lid.176"][0]),
        **{name: ours(panel, codes) for name, panel in panels.items()},
    }
    console.print(
        f"good text kept / wrong text let through, mean of {len(codes) - 1} other languages "
        f"(the worst of them); goal: at least {GOAL_KEPT}, at most {GOAL_THROUGH} of each\n"
    )
    for words in (None, *chosen.words):
        title = f"openings of {words} words" if words else "whole sentences"
        compare(read(chosen.ntrex, codes, words), codes, keeps, title)
    for one in panels[list(panels)[-1]]:
        console.print(f"{one.id}: {one.texts / one.seconds:,.0f} texts/s", highlight=False)


if __name__ == "__main__":
    main()
