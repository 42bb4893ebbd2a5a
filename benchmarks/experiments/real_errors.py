"""Verdicts of the checks on real machine translation, against what people judged.

    python benchmarks/experiments/real_errors.py --data ../shared/data

The folder holds ``round_trips/<language>.tsv`` (right variants with a real translator's back-translation; wrong
ones are made by shifting the variants by one row, and by taking the variant of the most similar prompt) and ``critical_errors/<language>.dev.tsv`` (real machine translations,
critical errors by the majority of three people), and ``ntrex/<language>.txt`` (human translations, taken as their
own perfect back-translations).

Printed for each configuration: the share of right variants rejected with a 95 % Wilson interval, the share of wrong
and of nearest wrong pairs kept, and for critical errors MCC, the share caught and the share of the others flagged.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import polars as pl

from mlc_data.checks.run_limits import measure, with_run_limits
from mlc_data.checks.scoring import build_checks, prepare, reasons, score_rows
from mlc_data.core.records import TRANSLATIONS
from mlc_data.language_id.loading import load_identifiers
from mlc_data.recipe.loading import load_recipe
from mlc_data.recipe.recipe import Recipe
from mlc_data.text.spans import words
from scripts.meaning.judged import read_judged

FIXED = (
    "checks.round_trip.limits=fixed",
    "checks.meaning.encoder=null",
)
Recipes = Mapping[str, Recipe]
"""Recipes of the configurations by name."""

CONFIGURATIONS = {
    "fixed limits": FIXED,
    "limits from the run": ("checks.meaning.encoder=null",),
    "+ meaning": ("checks.meaning.encoder=ENCODER", "checks.meaning.max_critical=1.0"),
    "+ learned": ("checks.meaning.encoder=ENCODER",),
}


def main() -> None:
    """Print a line for each file and configuration."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--encoder", action="append", help="encoders of checks.meaning to compare")
    parser.add_argument(
        "--only", choices=("critical_errors", "round_trips", "human"), action="append"
    )
    parser.add_argument("--rows", type=int, help="rows of each file; all by default")
    options = parser.parse_args()
    for encoder in options.encoder or ["use-multilingual"]:
        recipes = {
            name: load_recipe("quickstart", [each.replace("ENCODER", encoder) for each in settings])
            for name, settings in CONFIGURATIONS.items()
        }
        print(f"encoder: {encoder}")
        sections = (critical_errors, round_trips, human)
        for section in sections:
            if options.only and section.__name__ not in options.only:
                continue
            for line in section(recipes, options.data, options.rows):
                print("  " + line, flush=True)


def round_trips(recipes: Recipes, data: Path, count: int | None) -> Iterator[str]:
    """Yield lines for each language with real back-translations."""
    for path in sorted((data / "round_trips").glob("*.tsv")):
        table = read_tsv(path, count)
        right = translations(
            path.stem, table["prompt"], table["variant"], table["back_translation"]
        )
        others = pl.concat([table.slice(1), table.head(1)])
        wrong = translations(
            path.stem, table["prompt"], others["variant"], others["back_translation"]
        )
        near = table[nearest(table["prompt"])]
        close = translations(path.stem, table["prompt"], near["variant"], near["back_translation"])
        given, kept, nearly = (verdicts(recipes, right, rows) for rows in (right, wrong, close))
        for name in recipes:
            yield (
                f"{path.stem}, {name}: right rejected {share(given[name])}, wrong kept "
                f"{1 - sum(map(bool, kept[name])) / table.height:.3f}, nearest wrong kept "
                f"{1 - sum(map(bool, nearly[name])) / table.height:.3f}; {by_reason(given[name])}"
            )


def critical_errors(recipes: Recipes, data: Path, count: int | None) -> Iterator[str]:
    """Yield lines for each language with judged translations, which have no back-translation."""
    without = {
        name: recipe.model_copy(
            update={"translate": recipe.translate.model_copy(update={"round_trip": False})}
        )
        for name, recipe in recipes.items()
    }
    for path in sorted((data / "critical_errors").glob("*.dev.tsv")):
        language = path.name.split(".")[0]
        table = read_judged(path, language, count)
        rows = translations(language, table["source"], table["text"], None)
        critical = table["critical"].to_list()
        yes, no = sum(critical), len(critical) - sum(critical)
        for name, given in verdicts(without, rows, rows).items():
            pairs = list(zip(map(bool, given), critical, strict=True))
            caught, flagged = pairs.count((True, True)), pairs.count((True, False))
            others = [why for why, bad in zip(given, critical, strict=True) if not bad]
            yield (
                f"{language}, {name}: critical errors caught {caught / yes:.3f}, others flagged "
                f"{flagged / no:.3f}, MCC {mcc(caught, flagged, yes - caught, no - flagged):.3f}; "
                f"others flagged by {by_reason(others)}"
            )


def human(recipes: Recipes, data: Path, count: int | None) -> Iterator[str]:
    """Yield lines for each human translation, taken as if it came back perfectly."""
    source = (data / "ntrex" / "eng_Latn.txt").read_text(encoding="utf-8").splitlines()
    size = min(count or 500, len(source))
    for path in sorted((data / "ntrex").glob("???_*.txt")):
        if path.stem == "eng_Latn":
            continue
        texts = path.read_text(encoding="utf-8").splitlines()[:size]
        prompts = pl.Series(source[:size])
        rows = translations(path.stem, prompts, pl.Series(texts), prompts)
        for name, given in verdicts(recipes, rows, rows).items():
            yield f"{path.stem}, {name}: human text rejected {share(given)}; {by_reason(given)}"


def nearest(prompts: pl.Series) -> list[int]:
    """Return for each prompt the number of the other prompt that has most of its words."""
    found = [frozenset(each) for each in words(prompts).to_list()]
    return [
        max(
            (other for other in range(len(found)) if prompts[other] != prompts[one]),
            key=lambda other, one=one: (
                len(found[one] & found[other]) / len(found[one] | found[other])
            ),
        )
        for one in range(len(found))
    ]


def read_tsv(path: Path, count: int | None) -> pl.DataFrame:
    """Return a tab-separated file without quoting."""
    return pl.read_csv(path, separator="\t", quote_char=None, n_rows=count, glob=False)


def translations(
    language: str, prompts: pl.Series, texts: pl.Series, backs: pl.Series | None
) -> pl.DataFrame:
    """Return a table of translations (`records.TRANSLATIONS`) of one segment each."""
    pairs = pl.DataFrame({"source": prompts, "text": texts}).with_columns(
        back_translation=pl.lit(None, pl.String) if backs is None else backs
    )
    segment = pl.struct(
        source="source",
        text="text",
        log_prob=pl.lit(0.0),
        unknown_share=pl.lit(0.0),
        cached=pl.lit(value=False),
        back="back_translation",
    )
    return (
        pairs.with_row_index("prompt_id")
        .with_columns(
            pl.col("prompt_id").cast(pl.String),
            language=pl.lit(language),
            failure=pl.lit(None, pl.String),
            segments=pl.concat_list(segment),
        )
        .select(list(TRANSLATIONS))
    )


def verdicts(recipes: Recipes, run: pl.DataFrame, rows: pl.DataFrame) -> dict[str, list[list[str]]]:
    """Return for each configuration the reasons to reject each row, with limits from the rows of ``run``.

    The last configuration has every check, so the others decide from its scores.
    """
    *_, full = recipes.values()
    identifiers = load_identifiers(full.checks.language_identifiers)
    ready = prepare(build_checks(full, identifiers), lambda: iter([rows]))
    limits = measure(ready, lambda: iter([run]))
    scores = score_rows(ready, rows)
    return {
        name: scores.select(
            reasons=reasons(build_checks(with_run_limits(recipe, limits), identifiers))
        )["reasons"].to_list()
        for name, recipe in recipes.items()
    }


def by_reason(verdicts_: Sequence[Sequence[str]]) -> str:
    """Return how many rows each check rejects, the most frequent first."""
    counts = pl.Series(
        [name for each in verdicts_ for name in each], dtype=pl.String
    ).value_counts()
    rows = counts.sort("count", descending=True).rows()
    return ", ".join(f"{name} {number}" for name, number in rows) or "none"


def share(rejected: Sequence[Sequence[str]]) -> str:
    """Return the share of rows with reasons, with a 95 % Wilson interval."""
    n, k, z = len(rejected), sum(map(bool, rejected)), 1.96
    p = k / n
    center = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return f"{p:.3f} ({center - half:.3f} to {center + half:.3f})"


def mcc(hits: int, alarms: int, misses: int, passes: int) -> float:
    """Return Matthews's correlation coefficient; 0 where a margin is empty."""
    margins = (hits + alarms) * (hits + misses) * (passes + alarms) * (passes + misses)
    return (hits * passes - alarms * misses) / math.sqrt(margins) if margins else 0.0


if __name__ == "__main__":
    main()
