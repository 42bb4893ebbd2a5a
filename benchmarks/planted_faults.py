"""Which faults do the checks find? Exact translations, each broken in twenty ways.

    python benchmarks/planted_faults.py [--variants 500]

The quickstart's pipeline is run up to the stage `check` with its real model. Of the variants that are
exactly the phrasebook's text, 500 are taken and broken. Every broken text is translated back by the
real model, so the checks see what they would have seen. For numbers and addresses, both are added to
prompt and variant first; for negations, "without any experience" is dropped from the variant. A variant
counts as caught if any check of the quickstart's recipe rejects it.

The exit status is 1 if fewer of a kind are caught than its goal (95 % unless `GOALS` says otherwise), or
if more than 2 % of the unbroken ones are rejected.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import faults
import polars as pl
from faults import Variant, joined
from rich.console import Console
from rich.table import Table

from mlc_data.checks import Check
from mlc_data.checks.run_limits import measure, with_run_limits
from mlc_data.checks.scoring import build_checks, excuses_of, prepare, score_rows
from mlc_data.core.parquet import read_parquet
from mlc_data.core.records import TRANSLATIONS
from mlc_data.errors import ModelError
from mlc_data.execute import run_stages
from mlc_data.language_id.base import LanguageIdentifier
from mlc_data.language_id.loading import load_identifiers
from mlc_data.languages.flores import get_language
from mlc_data.pipeline.run import Run
from mlc_data.recipe.checks import Checks
from mlc_data.recipe.loading import load_recipe
from mlc_data.recipe.recipe import Recipe
from mlc_data.translate.engines.base import Request, Translator
from mlc_data.translate.engines.loading import load_translator
from mlc_data.translate.sentences import split
from scripts.phrasebook import phrasebook

ENGLISH = phrasebook.ENGLISH
LID = Checks().language_identifiers[0]
CONFIGURATIONS = {"lid.176": (LID,), "lid.176 + heliport": (LID, "heliport")}
ADDRESS, NUMBER = "https://example.org/a1", "42"
EXTRAS = f"\n{ADDRESS} {NUMBER}"
CYRILLIC = "абвгдежзийклмнопрстуфхцчшщ"
LATIN = "abcdefghijklmnopqrstuvwxyz"
GOAL, GOAL_EXACT = 0.95, 0.02
GOALS = {
    "negation lost": 0.70,
    "half English, Latin script": 0.80,
    "third English, Latin script": 0.50,
    "refusal appended": 0.90,
    "said twice": 0.90,
    "side by side": 0.90,
    "sentence dropped": 0.85,
}

console = Console(width=200)


def main() -> None:
    """Break, score, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--variants", type=int, default=500)
    chosen = parser.parse_args()
    recipe = load_recipe("quickstart", ["translate.cache=null"])
    exact = exact_variants(recipe, chosen.variants)
    tables = back_translated(load_translator(recipe.translate), planted(exact))
    good = True
    for name, locations in CONFIGURATIONS.items():
        try:
            identifiers = load_identifiers(locations)
        except ModelError as error:
            console.print(f"{name}: left out. {error}", highlight=False, markup=False)
        else:
            good = report(name, recipe, identifiers, tables) and good
    sys.exit(0 if good else 1)


def exact_variants(recipe: Recipe, count: int) -> list[Variant]:
    """Variants of the quickstart that are the phrasebook's text, kept or not."""
    with tempfile.TemporaryDirectory() as folder:
        run = Run.create(recipe, Path(folder) / "run")
        run_stages(run, "check")
        columns = ["source", "language", "text"]
        table = pl.concat(
            read_parquet(run.path(part, "variants.parquet")).select(columns)
            for part in ("variants", "rejected")
        ).drop_nulls()
    found = [
        Variant(*row)
        for row in table.sort(columns).iter_rows()
        if row[2] == phrasebook.reference(row[0], row[1])
    ]
    return random.Random(7).sample(found, min(count, len(found)))


def planted(exact: Sequence[Variant]) -> dict[str, list[Variant]]:
    """By kind: the unbroken variants (names begin with "unbroken") and the broken ones."""
    extended = [Variant(one.prompt + EXTRAS, one.language, one.text + EXTRAS) for one in exact]
    negated = negations(len(exact))
    others = dict(zip(exact, rotated(exact), strict=True))
    two = [joined((one, others[one])) for one in exact]
    threes = [(one, others[one], others[others[one]]) for one in exact]
    chance = random.Random(7)

    def broken(how: Callable[[Variant], str], of: Sequence[Variant]) -> list[Variant]:
        return [Variant(one.prompt, one.language, how(one)) for one in of]

    latin = [one for one in exact if one.language.endswith("_Latn")]
    rest = [one for one in exact if not one.language.endswith("_Latn")]
    accented = [one for one in exact if not one.text.isascii()]
    nearest = dict(zip(exact, faults.nearest(exact), strict=True))
    halves = [
        Variant(one.prompt, one.language, half(one))
        if number % 2
        else Variant(pair.prompt, pair.language, one.text)
        for number, (one, pair) in enumerate(zip(exact, two, strict=True))
    ]
    return {
        "unbroken": list(exact),
        "unbroken, two sentences": two,
        "unbroken, three sentences": [joined(three) for three in threes],
        "unbroken, with address and number": extended,
        "unbroken, with negation": negated,
        "wrong language": broken(other_language, exact),
        "wrong script": broken(other_script, exact),
        "half dropped": halves,
        "looped": broken(looped, exact),
        "copied": broken(lambda one: one.prompt, exact),
        "number changed": broken(lambda one: one.text.replace(f" {NUMBER}", " 47"), extended),
        "address broken": broken(lambda one: one.text.replace(ADDRESS, ADDRESS[:-2]), extended),
        "negation lost": broken(without_negation, negated),
        "another prompt's": broken(lambda one: others[one].text, exact),
        "empty": broken(lambda _: "", exact),
        "residue": broken(lambda one: faults.residue(one, chance), exact),
        "mojibake": broken(faults.mojibake, accented),
        "half English, Latin script": broken(faults.half_english, latin),
        "half English, other scripts": broken(faults.half_english, rest),
        "third English, Latin script": broken(faults.third_english, latin),
        "third English, other scripts": broken(faults.third_english, rest),
        "refusal appended": broken(lambda one: faults.refused(one, chance), exact),
        "said twice": broken(lambda one: faults.said_twice(one, chance), exact),
        "side by side": broken(lambda one: faults.side_by_side(one, chance), exact),
        "nearest prompt's": broken(lambda one: nearest[one].text, exact),
        "sentence dropped": [
            Variant(joined(three).prompt, three[0].language, faults.with_one_dropped(three, chance))
            for three in threes
        ],
    }


def rotated(exact: Sequence[Variant]) -> list[Variant]:
    """For each variant another prompt's, in the same language."""
    found = []
    for number, one in enumerate(exact):
        later = (exact[(number + step) % len(exact)] for step in range(1, len(exact) + 1))
        found.append(
            next(v for v in later if v.language == one.language and v.prompt != one.prompt)
        )
    return found


def half(one: Variant) -> str:
    """The first half of the words, or of the characters where words are not separated."""
    if not get_language(one.language).spaced:
        return one.text[: len(one.text) // 2]
    found = one.text.split()
    return " ".join(found[: len(found) // 2])


def looped(one: Variant) -> str:
    """Its end again and again."""
    if not get_language(one.language).spaced:
        return one.text + one.text[-5:] * 5
    return " ".join([one.text, *one.text.split()[-3:] * 4])


def other_language(one: Variant) -> str:
    """The same prompt in the next language of the recipe."""
    targets = phrasebook.TARGETS
    following = targets[(targets.index(one.language) + 1) % len(targets)]
    return phrasebook.reference(one.prompt, following) or ""


def other_script(one: Variant) -> str:
    """Latin letters become Cyrillic ones, all others Latin ones."""
    letters = CYRILLIC if one.language.endswith("Latn") else LATIN
    return "".join(
        letters[ord(letter) % len(letters)] if letter.isalpha() else letter for letter in one.text
    )


def negations(count: int) -> list[Variant]:
    """Phrases with "without any experience"."""
    frame = next(one for one in phrasebook.frames() if one.id == "without-experience")
    found = [
        Variant(one.text(ENGLISH), code, one.text(code))
        for action in phrasebook.actions()
        for one in (phrasebook.Combination(frame, action),)
        for code in phrasebook.TARGETS
    ]
    return random.Random(7).sample(found, min(count, len(found)))


def without_negation(one: Variant) -> str:
    """The same phrase without it."""
    found = phrasebook.find(one.prompt)
    frame = next(frame for frame in phrasebook.frames() if frame.id == "how-can-i")
    return phrasebook.Combination(frame, found.action).text(one.language) if found else ""


def back_translated(
    engine: Translator, kinds: Mapping[str, Sequence[Variant]]
) -> dict[str, pl.DataFrame]:
    """`records.TRANSLATIONS` of each kind."""
    requests = dict.fromkeys(
        Request(sentence, one.language, ENGLISH)
        for variants in kinds.values()
        for one in variants
        for sentence in split(one.text, one.language).sentences
    )
    answers = dict(zip(requests, engine.translate(list(requests)), strict=True))

    def row(number: int, one: Variant) -> dict[str, object]:
        sources, texts = split(one.prompt, ENGLISH), split(one.text, one.language)
        backs = [answers[Request(text, one.language, ENGLISH)].text for text in texts.sentences]
        returned = [back for back in backs if back is not None]
        whole = texts.join(returned, ENGLISH) if len(returned) == len(backs) and backs else None
        parts = list(zip(sources.sentences, texts.sentences, backs, strict=False))
        if len(sources.sentences) != len(texts.sentences):
            parts = [(one.prompt, one.text, whole)]
        return {
            "prompt_id": f"{number:016d}",
            "language": one.language,
            "source": one.prompt,
            "text": one.text,
            "back_translation": whole,
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

    return {
        kind: pl.DataFrame([row(*pair) for pair in enumerate(variants)], schema=TRANSLATIONS)
        for kind, variants in kinds.items()
    }


def report(
    name: str,
    recipe: Recipe,
    identifiers: Sequence[LanguageIdentifier],
    tables: Mapping[str, pl.DataFrame],
) -> bool:
    """Print the table of one configuration; whether it reaches the goals."""
    limits = measure(build_checks(recipe, identifiers), lambda: iter([tables["unbroken"]]))
    decided = build_checks(with_run_limits(recipe, limits), identifiers)
    checks = [check for check in decided if check.enabled]
    shown = Table(
        "kind", "texts", *(check.name for check in checks), "any", title=f"rejected: {name}"
    )
    short = []
    for kind, rows in tables.items():
        shares, any_share = caught(checks, rows)
        shown.add_row(
            kind, str(rows.height), *(f"{share:.1%}" for share in shares), f"{any_share:.1%}"
        )
        goal = GOALS.get(kind, GOAL)
        unbroken = kind.startswith("unbroken")
        if any_share > GOAL_EXACT if unbroken else any_share < goal:
            short.append(kind)
    console.print(shown)
    console.print(f"short of the goal: {', '.join(short) or 'none'}")
    return not short


def caught(checks: Sequence[Check], rows: pl.DataFrame) -> tuple[list[float], float]:
    """Share of the rows that each check rejects, and that any rejects."""
    excuses = excuses_of(checks)
    flags = score_rows(prepare(checks, lambda: iter([rows])), rows).select(
        (~check.passes(excuses)).alias(check.name) for check in checks
    )
    shares = [float(flags[check.name].mean() or 0.0) for check in checks]  # type: ignore[arg-type]
    return shares, float(flags.select(pl.any_horizontal(pl.all()).mean()).item())


if __name__ == "__main__":
    main()
