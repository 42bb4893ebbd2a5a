from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from support import put

from mlc_data.core.hashing import hash_rows, prompt_id
from mlc_data.core.parquet import write_table
from mlc_data.core.records import PROMPTS, content_of_row
from mlc_data.errors import MlcDataError
from mlc_data.execute import run_stage
from mlc_data.pipeline.run import Run
from mlc_data.pipeline.stage import StageResult
from mlc_data.pipeline.staging import Staging
from mlc_data.recipe.recipe import AtLeast, Sets
from mlc_data.variant_sets import assemble, split_of

TARGETS = ("spa_Latn", "swh_Latn", "zho_Hans")
PROMPT_ROWS = pl.DataFrame(
    [[id_, id_.upper(), None, None, None, row, None, None] for row, id_ in enumerate("abcd")],
    schema=PROMPTS,
    orient="row",
)
KEPT = pl.DataFrame(
    {
        "prompt_id": ["a", "a", "a", "b", "b", "c"],
        "language": ["zho_Hans", "spa_Latn", "swh_Latn", "swh_Latn", "spa_Latn", "zho_Hans"],
        "text": ["1", "2", "3", "4", "5", "6"],
    }
)


@pytest.mark.parametrize(
    ("policy", "kept", "dropped"),
    [
        ("all", "a", {"incomplete": 2, "no_variants": 1}),
        (AtLeast(at_least=2), "ab", {"incomplete": 1, "no_variants": 1}),
        ("mask", "abc", {"no_variants": 1}),
    ],
)
def test_completeness(policy: AtLeast | str, kept: str, dropped: dict[str, int]) -> None:
    settings = Sets.model_validate({"completeness": policy})
    sets, found = assemble(PROMPT_ROWS, KEPT, settings, TARGETS)
    assert "".join(sets["prompt_id"]) == kept
    assert found == dropped


def test_variants_stand_in_the_order_of_the_targets_and_the_rest_is_named() -> None:
    sets, _ = assemble(PROMPT_ROWS, KEPT, Sets(completeness="mask"), TARGETS)
    rows = {row["prompt_id"]: row for row in sets.iter_rows(named=True)}
    assert [variant["language"] for variant in rows["a"]["variants"]] == list(TARGETS)
    assert rows["b"]["missing"] == ["zho_Hans"]
    assert rows["c"]["variants"] == [{"language": "zho_Hans", "text": "6"}]


def test_a_split_depends_on_the_id_alone_and_has_about_its_share() -> None:
    ids = [prompt_id(str(number)) for number in range(4000)]
    test = [id_ for id_ in ids if split_of(id_, 0.2) == "test"]
    assert 0.17 < len(test) / len(ids) < 0.23
    assert set(test) <= {id_ for id_ in ids if split_of(id_, 0.3) == "test"}
    assert not [id_ for id_ in ids if split_of(id_, 0.0) == "test"]
    assert all(split_of(id_, 1.0) == "test" for id_ in ids)


Written = Callable[..., Run]


@pytest.fixture
def written(make_run: Callable[..., Run]) -> Written:
    """A run whose prompts and kept variants are the given tables."""

    def write(kept: pl.DataFrame, prompts: pl.DataFrame = PROMPT_ROWS, **sets: Any) -> Run:
        run = make_run([{"prompt": "A?"}], sets={"test_share": 0.0, **sets})

        def work(staging: Staging) -> StageResult:
            write_table(prompts, staging.path("prompts.parquet"), PROMPTS)
            kept.write_parquet(staging.path("variants", "variants.parquet"))
            return StageResult(content_hash={"prompts": "p", "variants": "v"})

        put(run, "check", {}, ("prompts.parquet", "variants"), work)
        return run

    return write


@pytest.mark.parametrize("at_once", [(1, 1), (2, 1), (1, 100), (3, 2), (100, 100)])
def test_slices_give_what_the_whole_gives(
    written: Written, monkeypatch: pytest.MonkeyPatch, at_once: tuple[int, int]
) -> None:
    monkeypatch.setattr("mlc_data.variant_sets.PROMPTS_AT_ONCE", at_once[0])
    monkeypatch.setattr("mlc_data.variant_sets.VARIANTS_AT_ONCE", at_once[1])
    ids = [f"{number:08x}{number:08x}" for number in range(23)]
    prompts = pl.DataFrame(
        [[one, one, None, None, None, row, None, None] for row, one in enumerate(ids)],
        schema=PROMPTS, orient="row",
    )  # fmt: skip
    # Nothing of every fourth prompt, of the others one to three languages.
    kept = pl.DataFrame(
        [
            (one, code, f"{one} {code}")
            for number, one in enumerate(ids)
            for code in TARGETS[: number % 4]
        ],
        schema=["prompt_id", "language", "text"],
        orient="row",
    )
    run = written(kept, prompts, shard_rows=5)
    run_stage(run, "sets")
    whole, dropped = assemble(prompts, kept, run.recipe.sets, TARGETS)
    files = sorted(run.path("sets").glob("train-*.parquet"))
    assert [file.name for file in files] == [f"train-0000{n}-of-00004.parquet" for n in range(4)]
    tables = [pl.read_parquet(file) for file in files]
    assert [table.height for table in tables] == [5, 5, 5, 2]
    found = pl.concat(tables)
    assert found.drop("language").equals(whole)
    assert pl.read_parquet(run.path("sets", "test-00000-of-00001.parquet")).height == 0
    manifest = run.manifest
    assert manifest.counts.sets
    assert (manifest.counts.sets.kept, manifest.counts.sets.dropped) == (17, dropped)
    assert manifest.content_hash.sets == hash_rows(
        content_of_row(row) for row in found.iter_rows(named=True)
    )
    assert manifest.stages["sets"].notes == {"splits": {"train": 17, "test": 0}, "complete": 5}


@pytest.mark.parametrize("wrong", [KEPT.reverse(), KEPT.with_columns(prompt_id=pl.lit("z"))])
def test_variants_of_other_prompts_are_refused(
    written: Written, monkeypatch: pytest.MonkeyPatch, wrong: pl.DataFrame
) -> None:
    monkeypatch.setattr("mlc_data.variant_sets.PROMPTS_AT_ONCE", 1)
    monkeypatch.setattr("mlc_data.variant_sets.VARIANTS_AT_ONCE", 1)
    with pytest.raises(MlcDataError, match="check RUN --force"):
        run_stage(written(wrong), "sets")
