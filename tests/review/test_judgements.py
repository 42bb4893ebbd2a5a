"""Judgements in files: what is wrong is named with its row, and what is right is kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from mlc_data.errors import UsageError
from mlc_data.pipeline.run import Run
from mlc_data.review.judgements import (
    JUDGED,
    choose_sample,
    keep_judgements,
    read_judgements,
)
from mlc_data.review.sample import SAMPLE

TEXTS = ["Habari", "Asante", "Karibu"]
ROWS = pl.DataFrame(
    {
        "row": [f"{number}:swh_Latn" for number in range(3)],
        "prompt_id": ["0", "1", "2"],
        "language": "swh_Latn",
        "prompt": ["Hello", "Thanks", "Welcome"],
        "variant": TEXTS,
        "back_translation": None,
        "verdict": "kept",
        "reason": None,
        "stratum": "kept",
        "stratum_size": 30,
    },
    schema=SAMPLE,
)
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file of judgements from (row, variant, judgement, reviewer)."""

    def make(*rows: tuple[str | None, ...], name: str = "ana.csv") -> Path:
        path = tmp_path / name
        schema = dict.fromkeys(("row", "variant", "judgement", "reviewer"), pl.String)
        pl.DataFrame(rows, schema, orient="row").write_csv(path)
        return path

    return make


def test_judgements_are_read_in_any_case_and_order(write: Write) -> None:
    read = read_judgements(
        write(("2:swh_Latn", "Karibu", " BAD ", "Ana"), (" 0:swh_Latn", "Habari", "Good", " Ana ")),
        ROWS,
    )
    assert read.schema == JUDGED
    assert read.select("row", "judgement", "reviewer").rows() == [
        ("2:swh_Latn", "bad", "Ana"),
        ("0:swh_Latn", "good", "Ana"),
    ]


def test_rows_without_a_judgement_are_left_out(write: Write) -> None:
    read = read_judgements(
        write(("0:swh_Latn", "Habari", None, None), ("1:swh_Latn", "Asante", "bad", None)), ROWS
    )
    assert read["row"].to_list() == ["1:swh_Latn"]


def test_the_files_name_stands_for_a_missing_reviewer(write: Write) -> None:
    assert (
        read_judgements(write(("0:swh_Latn", "Habari", "bad", " ")), ROWS)["reviewer"][0] == "ana"
    )


def test_a_text_that_a_spreadsheet_changed_is_taken_from_the_sample(write: Write) -> None:
    read = read_judgements(write(("0:swh_Latn", "Habari ", "bad", "Ana")), ROWS)
    assert read["variant"].to_list() == ["Habari"]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (("0:swh_Latn", "Habari", "ok", "Ana"), "row 3: judgement 'ok': write good or bad"),
        (("9:swh_Latn", "Habari", "bad", "Ana"), "row 3: '9:swh_Latn' is not in the sample"),
        ((None, "Habari", "bad", "Ana"), "row 3: it has a judgement and no row id"),
        (("0:swh_Latn", "Karibu", "bad", "Ana"), "row 3: the variant belongs to 2:swh_Latn"),
        (("1:swh_Latn", "Asante", "bad", "Ana"), "row 3: 'Ana' has judged 1:swh_Latn in row 2"),
    ],
)
def test_a_wrong_row_is_named(write: Write, row: tuple[str | None, ...], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        read_judgements(write(("1:swh_Latn", "Asante", "good", "Ana"), row), ROWS)


def test_many_wrong_rows_are_counted(write: Write) -> None:
    rows = [(f"x{number}", None, "bad", None) for number in range(15)]
    with pytest.raises(UsageError, match=r"row 11:(?s:.*)and 5 more"):
        read_judgements(write(*rows), ROWS)


def test_a_file_without_judgements_is_refused(write: Write) -> None:
    with pytest.raises(UsageError, match="has no judgement: write good or bad"):
        read_judgements(write(("0:swh_Latn", "Habari", "", "Ana")), ROWS)


def test_the_sample_with_most_of_the_rows_is_chosen(write: Write) -> None:
    path = write(("0:swh_Latn", None, "bad", None), ("2:swh_Latn", None, "bad", None))
    samples = {"first": ROWS.head(2), "second": ROWS.tail(1), "third": ROWS}
    assert choose_sample([path], samples) == "third"
    with pytest.raises(UsageError, match="in a sample of this run"):
        choose_sample([path], {"other": ROWS.filter(row="1:swh_Latn")})


def test_a_later_judgement_replaces_the_same_reviewers(run: Run, write: Write) -> None:
    run.path("review").mkdir()
    first = read_judgements(
        write(("0:swh_Latn", None, "bad", "Ana"), ("1:swh_Latn", None, "bad", "Ana")), ROWS
    )
    again = read_judgements(
        write(("0:swh_Latn", None, "good", "Ana"), ("0:swh_Latn", None, "bad", "Ben")), ROWS
    )
    keep_judgements(run, "x", [first])
    assert keep_judgements(run, "x", [again]).select("row", "reviewer", "judgement").rows() == [
        ("1:swh_Latn", "Ana", "bad"),
        ("0:swh_Latn", "Ana", "good"),
        ("0:swh_Latn", "Ben", "bad"),
    ]
