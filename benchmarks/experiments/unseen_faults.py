"""Planted faults in texts that are not in the project, with a translator back that repairs what it can.

    python benchmarks/experiments/unseen_faults.py [--data ../shared/data] [--lines 60]

``unseen_prompts.tsv`` has 25 everyday prompts with translations into four languages. With ``--data``, lines of
``ntrex/<language>.txt`` (human translations of news) are added in the quickstart's languages. The kinds are those of
``planted_faults.py``. Back-translations are perfect, so that a check of the round trip sees a fault only where the
meaning is another: residue, English and repetition come back as the prompt itself.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import polars as pl

sys.path.insert(0, str(Path(__file__).parents[1]))

import faults
import planted_faults
from faults import Variant, joined

from mlc_data.core.records import TRANSLATIONS
from mlc_data.language_id.loading import load_identifiers
from mlc_data.recipe.loading import load_recipe
from mlc_data.translate.sentences import split

PROMPTS = Path(__file__).with_name("unseen_prompts.tsv")
FIRST = 1000
"""Line of NTREX from which lines are taken."""
LONGEST = 160
"""Characters of a line, at most."""

Row = tuple[Variant, tuple[tuple[str, str, str], ...]]
"""A variant, and its sentences: source, text and back-translation."""


def main() -> None:
    """Break, score, print; the exit status is 1 if a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--lines", type=int, default=60, help="lines of NTREX a language")
    options = parser.parse_args()
    recipe = load_recipe("quickstart")
    identifiers = load_identifiers(recipe.checks.language_identifiers)
    sets = {"prompts": own_prompts()}
    if options.data:
        sets["news"] = news(options.data / "ntrex", options.lines)
    good = True
    for name, exact in sets.items():
        tables = {kind: table(rows) for kind, rows in broken(exact).items()}
        good = planted_faults.report(name, recipe, identifiers, tables) and good
    sys.exit(0 if good else 1)


def own_prompts() -> list[Variant]:
    """The prompts of `PROMPTS` with their translations."""
    rows = pl.read_csv(PROMPTS, separator="\t", quote_char=None, glob=False)
    return [Variant(*row) for row in rows.select("prompt", "language", "text").iter_rows()]


def news(folder: Path, count: int) -> list[Variant]:
    """Lines of NTREX that are one sentence in both languages."""
    read = {
        code: (folder / f"{code}.txt").read_text(encoding="utf-8").splitlines()
        for code in ("eng_Latn", *faults.REFUSALS)
    }
    found = []
    for code in faults.REFUSALS:
        pairs = zip(read["eng_Latn"][FIRST:], read[code][FIRST:], strict=True)
        short = [
            Variant(prompt, code, text)
            for prompt, text in pairs
            if len(prompt) <= LONGEST
            and len(split(prompt, "eng_Latn").sentences) == len(split(text, code).sentences) == 1
        ]
        found += short[:count]
    return found


def broken(exact: Sequence[Variant]) -> dict[str, list[Row]]:
    """By kind: variants with sentences and back-translations (names of good ones begin with "unbroken")."""
    chance = random.Random(11)
    others = dict(zip(exact, planted_faults.rotated(exact), strict=True))
    near = dict(zip(exact, faults.nearest(exact), strict=True))
    threes = [(one, others[one], others[others[one]]) for one in exact]
    latin = [one for one in exact if one.language.endswith("_Latn")]
    rest = [one for one in exact if not one.language.endswith("_Latn")]

    def repaired(how: Callable[[Variant], str], of: Sequence[Variant]) -> list[Row]:
        return [whole(Variant(one.prompt, one.language, how(one)), one.prompt) for one in of]

    return {
        "unbroken": repaired(lambda one: one.text, exact),
        "unbroken, three sentences": [sentences(three) for three in threes],
        "residue": repaired(lambda one: faults.residue(one, chance), exact),
        "mojibake": repaired(faults.mojibake, [one for one in exact if not one.text.isascii()]),
        "copied": repaired(lambda one: one.prompt, exact),
        "half English, Latin script": repaired(faults.half_english, latin),
        "half English, other scripts": repaired(faults.half_english, rest),
        "third English, Latin script": repaired(faults.third_english, latin),
        "third English, other scripts": repaired(faults.third_english, rest),
        "refusal appended": repaired(lambda one: faults.refused(one, chance), exact),
        "said twice": repaired(lambda one: faults.said_twice(one, chance), exact),
        "side by side": repaired(lambda one: faults.side_by_side(one, chance), exact),
        "another prompt's": [instead(one, others[one]) for one in exact],
        "nearest prompt's": [instead(one, near[one]) for one in exact],
        "sentence dropped": [dropped(three, chance) for three in threes],
    }


def whole(one: Variant, back: str) -> Row:
    """A variant of one segment."""
    return one, ((one.prompt, one.text, back),)


def instead(one: Variant, other: Variant) -> Row:
    """A prompt with another prompt's translation, which is translated back well."""
    return whole(Variant(one.prompt, one.language, other.text), other.prompt)


def sentences(parts: Sequence[Variant]) -> Row:
    """Several variants as one, a segment each."""
    return joined(parts), tuple((one.prompt, one.text, one.prompt) for one in parts)


def dropped(parts: Sequence[Variant], chance: random.Random) -> Row:
    """Several variants as one of one segment, without one of them."""
    left = list(parts)
    left.pop(chance.randrange(len(left)))
    text = joined(left)
    return whole(Variant(joined(parts).prompt, text.language, text.text), text.prompt)


def table(rows: Sequence[Row]) -> pl.DataFrame:
    """`records.TRANSLATIONS` of variants."""
    made = [
        {
            "prompt_id": f"{number:016d}",
            "language": one.language,
            "source": one.prompt,
            "text": one.text,
            "back_translation": " ".join(back for _, _, back in parts),
            "failure": None,
            "segments": [
                {
                    "source": source,
                    "text": text,
                    "log_prob": 0.0,
                    "unknown_share": 0.0,
                    "cached": False,
                    "back": back,
                }
                for source, text, back in parts
            ],
        }
        for number, (one, parts) in enumerate(rows)
    ]
    return pl.DataFrame(made, schema=TRANSLATIONS)


if __name__ == "__main__":
    main()
