"""Refreshes of a small run on the real phrasebook translator."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from refresh_support import SPREAD, Project, rows_of

from mlc_data.core.hashing import hash_value, prompt_id
from mlc_data.errors import MlcDataError, UsageError

pytestmark = pytest.mark.integration

OLD = ("spa_Latn", "swh_Latn", "zho_Hans")
NEW = "deu_Latn"
Make = Callable[..., Project]


def states(run: Path) -> dict[tuple[str, str], tuple[str, str | None]]:
    """Prompt id and language to status and text, of every requested variant."""
    found: dict[tuple[str, str], tuple[str, str | None]] = {}
    for file in ("variants/variants.parquet", "rejected/variants.parquet"):
        for row in pl.read_parquet(run / file).iter_rows(named=True):
            found[row["prompt_id"], row["language"]] = (row.get("status", "kept"), row["text"])
    return found


def kept_rows(run: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """Kept variants with all their columns, scores too."""
    table = pl.read_parquet(run / "variants" / "variants.parquet")
    return {(row["prompt_id"], row["language"]): row for row in table.iter_rows(named=True)}


def content(row: dict[str, Any]) -> str:
    """The hash of a variant without the two scores that compare it with all the languages of the recipe."""
    relative = ("language_id_against", "language_id_other")
    return hash_value({name: value for name, value in row.items() if name not in relative})


def files(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file but the lock: when it was written, and what it holds."""
    return {
        str(path): (path.stat().st_mtime_ns, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


def test_what_is_needed_is_translated_and_the_diff_is_right(project: Make) -> None:
    made = project(rows_of(SPREAD[:100]))
    first = made.refresh()
    assert first.diff is not None
    assert first.diff.before is None
    assert len(made.forth()) == 300
    before, rows_before = states(made.run_dir), kept_rows(made.run_dir)
    sets_before = pl.read_parquet(made.run_dir / "sets" / "*.parquet")

    rows = rows_of(SPREAD[:100])
    gone = [rows.pop(place)["prompt"] for place in (91, 60, 59, 30, 2)]
    replaced = set()
    for place, text in zip((0, 1, 40, 70, 94), SPREAD[110:115], strict=True):
        replaced.add((prompt_id(rows[place]["prompt"]), prompt_id(text)))
        rows[place]["prompt"] = text
    added = SPREAD[100:110]
    rows = rows_of(added[:5], 1000) + rows + rows_of(added[5:], 2000)
    made.write(rows)
    done = made.refresh(languages={"targets": [*OLD, NEW]})

    texts = [row["prompt"] for row in rows]
    fresh = {*added, *SPREAD[110:115]}
    needed = [(text, code) for text in fresh for code in (*OLD, NEW)]
    needed += [(text, NEW) for text in texts if text not in fresh]
    assert made.forth() == sorted(needed)
    assert len(needed) == 15 * 4 + 90
    assert done.work["translate"] == len(made.asked["translate"])

    diff = done.diff
    assert diff is not None
    assert (diff.prompts.before, diff.prompts.after) == (100, 105)
    assert (diff.prompts.added, diff.prompts.removed, diff.prompts.changed) == (10, 5, 5)
    assert diff.languages_added == [NEW]
    assert {one.key for one in diff.settings or ()} == {"languages.targets"}
    for code in OLD:
        one = diff.by_language[code]
        assert (one.added, one.removed) == (10, 5)
        assert one.changed + one.unchanged == 95
    assert diff.by_language[NEW].added == 105
    after = states(made.run_dir)
    stayed = before.keys() & after.keys()
    flipped = [key for key in stayed if before[key][0] != after[key][0]]
    assert diff.variants.changed == 5 * 3 + sum(before[key] != after[key] for key in stayed)
    assert diff.variants.newly_kept + diff.variants.no_longer_kept >= len(flipped)
    assert diff.variants.kept == sum(status == "kept" for status, _ in after.values())

    table = pl.read_parquet(made.run_dir / "refresh" / "diff.parquet")
    assert Counter(table["change"].to_list()) == {
        "added": diff.variants.added,
        "removed": diff.variants.removed,
        "changed": diff.variants.changed,
    }
    removed = table.filter(pl.col("change") == "removed")
    assert set(removed["prompt_id_before"]) == {prompt_id(text) for text in gone}
    changed = table.filter(
        pl.col("change").eq("changed") & pl.col("prompt_id").ne(pl.col("prompt_id_before"))
    )
    assert set(changed.select("prompt_id_before", "prompt_id").iter_rows()) == replaced

    rows_after = kept_rows(made.run_dir)
    same = rows_before.keys() & rows_after.keys()
    assert len(same) > 200
    assert all(content(rows_before[key]) == content(rows_after[key]) for key in same)
    sets_after = {
        row["prompt_id"]: row
        for row in pl.read_parquet(made.run_dir / "sets" / "*.parquet").iter_rows(named=True)
    }
    both = [row for row in sets_before.iter_rows(named=True) if row["prompt_id"] in sets_after]
    assert len(both) == 90
    for row in both:
        now = sets_after[row["prompt_id"]]
        assert [one for one in now["variants"] if one["language"] != NEW] == row["variants"]
    assert not list(made.run_dir.glob(".refresh-*"))


def test_with_the_same_languages_a_row_that_stays_is_the_same_with_every_score(
    project: Make,
) -> None:
    made = project(rows_of(SPREAD[:40]))
    made.refresh()
    before = kept_rows(made.run_dir)
    made.write([*rows_of(SPREAD[3:40], 3), *rows_of(SPREAD[50:54], 50)])
    made.refresh()
    after = kept_rows(made.run_dir)
    assert len(before.keys() & after.keys()) > 90
    assert all(before[key] == after[key] for key in before.keys() & after.keys())


def test_nothing_changed_touches_nothing(project: Make) -> None:
    made = project(rows_of(SPREAD[:12]))
    made.refresh()
    before = files(made.run_dir)
    done = made.refresh()
    assert done.diff is None
    assert done.as_dict()["changed"] is False
    assert made.did == []
    assert files(made.run_dir) == before


def test_rows_in_another_order_or_put_aside_change_no_variant(project: Make) -> None:
    rows = rows_of(SPREAD[:12])
    made = project(rows)
    made.refresh()
    made.write([*rows[::-1], {"prompt": "", "uid": 99}])
    done = made.refresh()
    assert done.diff is not None
    assert done.diff.empty
    assert made.did == ["sources"]


def test_a_threshold_flips_verdicts_and_translates_nothing(project: Make) -> None:
    made = project(rows_of(SPREAD[:20]), rescue={"rungs": []})
    made.refresh()
    done = made.refresh(checks={"round_trip": {"min_chrf": 99.99}})
    assert done.diff is not None
    # A threshold that is given fixes the limits of its check, which came from the run before.
    assert {one.key for one in done.diff.settings or ()} == {
        f"checks.round_trip.{key}" for key in ("limits", "min_chrf", "min_words")
    }
    figures = done.diff.variants
    assert (figures.added, figures.removed, figures.newly_kept) == (0, 0, 0)
    assert figures.no_longer_kept == figures.changed == figures.kept_before - figures.kept
    table = pl.read_parquet(made.run_dir / "refresh" / "diff.parquet")
    assert table["reason"].to_list() == ["round_trip"] * figures.changed
    back = made.refresh(checks={"round_trip": {"min_chrf": 0.0}})
    assert back.diff is not None
    assert back.diff.variants.newly_kept >= figures.no_longer_kept
    assert made.asked == {}


def test_responses_alone_are_an_edit_and_change_sets(project: Make) -> None:
    rows = rows_of(SPREAD[:12])
    made = project(rows)
    made.refresh()
    rows[3] |= {"chosen": "I will not.", "rejected": "Do it like this."}
    made.write(rows)
    done = made.refresh()
    assert done.diff is not None
    assert (done.diff.prompts.edited, done.diff.prompts.changed) == (1, 0)
    assert (done.diff.sets.changed, done.diff.variants.changed) == (1, 0)
    assert made.asked == {}


def test_another_revision_of_the_model_is_told(
    project: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlc_data.translate.engines.ctranslate2 import Ct2Translator

    made = project(rows_of(SPREAD[:6]))
    made.refresh()
    real = Ct2Translator.__init__

    def other(self: Ct2Translator, *given: Any, **named: Any) -> None:
        real(self, *given, **named)
        self.revision = "another"

    monkeypatch.setattr(Ct2Translator, "__init__", other)
    done = made.refresh()
    assert done.diff is not None
    assert [(one.name, one.after.revision) for one in done.diff.models] == [
        ("translator", "another")
    ]
    assert len(made.forth()) == 18
    assert done.diff.empty


def test_files_that_were_changed_since_are_not_compared_with(project: Make) -> None:
    rows = rows_of(SPREAD[:12])
    made = project(rows)
    made.refresh()
    (made.run_dir / "variants" / "variants.parquet").write_bytes(b"")
    made.write(rows[1:])
    with pytest.raises(MlcDataError, match=r"variants\.parquet is missing or was changed"):
        made.refresh()
    assert not list(made.run_dir.glob(".refresh-*"))


def test_without_a_cache_it_is_refused(project: Make) -> None:
    made = project(rows_of(SPREAD[:3]), translate={"cache": None})
    with pytest.raises(UsageError, match=r"translate\.cache is null"):
        made.refresh()
    assert not made.run_dir.exists()


def test_the_record_fits_its_schema(project: Make) -> None:
    from jsonschema import Draft202012Validator

    made = project(rows_of(SPREAD[:6]))
    made.refresh()
    schema = json.loads((Path(__file__).parents[2] / "schemas" / "refresh.schema.json").read_text())
    told = json.loads((made.run_dir / "refresh" / "diff.json").read_text())
    Draft202012Validator(schema).validate(told)
