"""Every hostile row is kept unharmed, or rejected for the expected reason; none is lost."""

from __future__ import annotations

from collections import Counter

import pytest
from hostile.corpus import bytes_of, cases, text_of

from mlc_data.recipe.sources import Source, Sources
from mlc_data.sources.prompts import Prompts, read_prompts
from mlc_data.sources.readers import open_source

ROWS = cases("rows")
GOOD = 400
"""Plain rows behind the hostile ones: a file whose rows are mostly malformed is refused as a whole."""


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Prompts:
    path = tmp_path_factory.mktemp("hostile") / "rows.jsonl"
    plain = [b'{"prompt": "How do I count to %d?"}' % number for number in range(GOOD)]
    path.write_bytes(b"\n".join([*map(bytes_of, ROWS), *plain]) + b"\n")
    source = Source(path=str(path))
    settings = Sources(prompts=source)
    return read_prompts(open_source(source, "sources.prompts"), settings, "eng_Latn", None)


@pytest.fixture(scope="module")
def outcome(read: Prompts) -> dict[int, tuple[str, str | None]]:
    kept = {row.row: ("kept", row.prompt) for row in read.prompts.kept}
    return kept | {row.row: (str(row.reason), None) for row in read.prompts.rejected}


def test_there_are_enough() -> None:
    assert len(ROWS) >= 290


def test_every_row_has_one_outcome(read: Prompts) -> None:
    numbers = Counter(row.row for row in (*read.prompts.kept, *read.prompts.rejected))
    assert numbers == Counter(range(1, len(ROWS) + GOOD + 1))


@pytest.mark.parametrize("number", range(len(ROWS)), ids=[row["name"] for row in ROWS])
def test_row(number: int, outcome: dict[int, tuple[str, str | None]]) -> None:
    case = ROWS[number]
    text = text_of(case["text"]) if case["expect"] == "kept" else None
    assert outcome[number + 1] == (case["expect"], text)


def test_details_are_short_and_printable(read: Prompts) -> None:
    for row in (*read.prompts.rejected, *read.pairs.rejected):
        assert len(row.detail) < 300
        assert row.detail.isprintable(), row.detail
