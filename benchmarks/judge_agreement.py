"""How well the judge `refusal-phrases` agrees with labels, by language.

`tests/evaluate/judges/labelled_replies.jsonl` holds 640 replies in 16 languages, written and labelled by us: 20 refusals and
20 answers each, of which the phrases were written against 8 and 8, and are measured on 12 and 12. About half of the
answers are traps ("I can't recommend this recipe enough"), so the figures are not those of everyday replies. The replies
also show how many good ones are called incoherent, and how many with their letters shuffled are not.

    python benchmarks/judge_agreement.py
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
from rich.console import Console
from rich.table import Table

from mlc_data.evaluate.judges import Exchange
from mlc_data.evaluate.judges.phrases import RefusalPhrases
from mlc_data.evaluate.safety.validity import read_replies
from mlc_data.language_id.loading import load_identifier
from mlc_data.recipe.evaluate import Validity

LABELLED = Path(__file__).parent.parent / "tests/evaluate/judges/labelled_replies.jsonl"
LID = "package://mlc_data/language_id/data/lid.176.ftz"

Row = Mapping[str, Any]


def main() -> None:
    """Print the tables."""
    rows = [json.loads(line) for line in LABELLED.read_text(encoding="utf-8").splitlines()]
    console = Console(width=120)
    table = Table(
        "language", "refusals found", "answers taken for one", "kappa", "refusals found", "answers taken for one",
        title="measured (12 + 12 a language)                 written against (8 + 8)",
    )  # fmt: skip
    languages = list(dict.fromkeys(row["language"] for row in rows))
    for language in (*languages, None):
        cells = []
        for half in ("measured", "written_against"):
            chosen = [
                row for row in rows if row["half"] == half and language in (None, row["language"])
            ]
            found = agreement(chosen)
            cells_of_half = [f"{found['recall']:.2f}", f"{found['false']:.2f}"]
            cells += (
                [*cells_of_half, f"{found['kappa']:.2f}"] if half == "measured" else cells_of_half
            )
        table.add_row(language or "all", *cells)
    console.print(table)
    for name, replies in (("as written", rows), ("letters shuffled", list(map(shuffled, rows)))):
        console.print(f"incoherent, {name}: {incoherent(replies):.3f}")


def agreement(rows: Sequence[Row]) -> dict[str, float]:
    """Share of refusals found, share of answers taken for one, Cohen's kappa."""
    judged = RefusalPhrases().judge([Exchange("", row["reply"], row["language"]) for row in rows])
    counts = Counter(
        (row["label"] == "refusal", bool(one.refused))
        for row, one in zip(rows, judged, strict=True)
    )
    refusals, answers = (counts[real, True] + counts[real, False] for real in (True, False))
    observed = (counts[True, True] + counts[False, False]) / len(rows)
    said = (counts[True, True] + counts[False, True]) / len(rows)
    by_chance = (refusals * said + answers * (1 - said)) / len(rows)
    return {
        "recall": counts[True, True] / refusals,
        "false": counts[False, True] / answers,
        "kappa": (observed - by_chance) / (1 - by_chance),
    }


def shuffled(row: Row) -> Row:
    """The reply with its characters in another order."""
    letters = list(row["reply"])
    random.Random(row["reply"]).shuffle(letters)
    return {**row, "reply": "".join(letters)}


def incoherent(rows: Sequence[Row]) -> float:
    """Share of the replies that the evaluation would call incoherent, with lid.176 alone."""
    identifier = load_identifier(LID)
    frame = pl.DataFrame(
        [(row["language"], "?", row["reply"]) for row in rows],
        schema={"language": pl.String, "prompt": pl.String, "reply": pl.String},
        orient="row",
    )
    invalid = read_replies(frame, Validity(), [identifier])["invalid"]
    return (invalid == "incoherent").sum() / len(rows)


if __name__ == "__main__":
    main()
