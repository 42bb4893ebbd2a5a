"""Stages that would run, and why."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from support import StubTranslator, forget_stages

from mlc_data.execute import run_stage, run_stages
from mlc_data.pipeline.layout import MANIFEST
from mlc_data.pipeline.run import Run
from mlc_data.plan.pending import UNKNOWN_PART, Change, StagePlan, Status, stage_plans
from mlc_data.recipe.loading import load_recipe
from mlc_data.recipe.recipe import Recipe
from mlc_data.stages import NAMES

PROMPTS = [{"prompt": f"How do I grow {what} at home?", "chosen": "Like this.", "rejected": "No."}
           for what in ("tomatoes", "beans", "carrots", "onions")]  # fmt: skip


@pytest.fixture
def built(make_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run whose variant sets are built by the stub."""
    for module in ("translate.stage", "rescue.stage"):
        monkeypatch.setattr(f"mlc_data.{module}.load_translator", lambda _: StubTranslator())
    run = make_run(PROMPTS)
    run_stages(run, "sets")
    return run


def changed(run: Run, *settings: str) -> Run:
    """The run with other settings, in the same folder."""
    recipe: Recipe = load_recipe(str(run.folder / "recipe.yaml"), settings)
    return Run.of(recipe, run.folder)


def plans(run: Run) -> dict[str, StagePlan]:
    return {plan.name: plan for plan in stage_plans(run)}


def parts(plan: StagePlan) -> list[str]:
    return [change.part for change in plan.changed]


def test_a_run_that_does_not_exist_runs_every_stage(
    small: dict[str, object], tmp_path: Path
) -> None:
    found = plans(Run.of(Recipe.model_validate(small), tmp_path / "none"))

    assert {plan.status for plan in found.values()} == {Status.RUNS}
    assert tuple(found) == NAMES
    assert not (tmp_path / "none").exists()


def test_what_is_done_is_reused(built: Run) -> None:
    found = plans(built)

    assert {found[name].status for name in NAMES[:6]} == {Status.REUSED}
    assert found["align"].status is Status.RUNS


def test_a_threshold_is_named_with_both_values(built: Run) -> None:
    found = plans(changed(built, "checks.intent.min_object=0.125"))

    before = built.recipe.checks.intent.model_dump(mode="json")["min_object"]
    assert found["check"].changed == (
        Change("thresholds.intent.min_object", "changed", 0.125, before, before_known=True),
    )


def test_limits_by_language_are_named_each(built: Run) -> None:
    found = plans(changed(built, "checks.length.max_ratio={default: 2.25, zho_Hans: 9}"))

    kinds = {change.part: change.kind for change in found["check"].changed}
    assert kinds["thresholds.length.max_ratio.default"] == "changed"
    assert kinds["thresholds.length.max_ratio.zho_Hans"] in ("added", "changed")


def test_a_threshold_leaves_translations_and_scores_alone(built: Run) -> None:
    found = plans(changed(built, "checks.length.max_ratio=2.25"))

    assert [name for name in NAMES[:6] if found[name].may_run] == ["rescue", "check", "sets"]
    assert found["sets"].status is Status.FOLLOWS


def test_another_seed_of_the_training_names_no_stage_of_the_build(built: Run) -> None:
    found = plans(changed(built, "seed=3"))

    assert not any(found[name].may_run for name in NAMES[:6])


def test_another_language_is_named_where_it_counts(built: Run) -> None:
    found = plans(changed(built, "languages.targets=[spa_Latn]"))

    assert "languages.targets" in parts(found["translate"])
    assert found["sources"].status is Status.REUSED


def test_another_file_of_prompts_is_named_by_its_content(built: Run) -> None:
    path = Path(str(built.recipe.sources.prompts.path))
    path.write_text(path.read_text() + json.dumps({"prompt": "How do I bake bread?"}) + "\n")

    assert parts(plans(built)["sources"]) == ["prompts.file"]


def test_a_file_that_was_changed_is_named(built: Run) -> None:
    (built.folder / "prompts.parquet").write_bytes(b"")

    plan = plans(built)["sources"]
    assert plan.status is Status.RUNS
    assert "prompts.parquet is missing or was changed" in plan.reason


def test_old_records_do_not_know_the_part(built: Run) -> None:
    path = built.folder / MANIFEST
    manifest = json.loads(path.read_text())
    del manifest["checksum"]
    for record in manifest["stages"].values():
        del record["key_parts"]
    path.write_text(json.dumps(manifest))

    found = plans(changed(built, "checks.length.max_ratio=2.25"))
    assert parts(found["check"]) == [UNKNOWN_PART]
    assert found["translate"].status is Status.REUSED


def applied(run: Run, *settings: str) -> Run:
    """The run with other settings, which are written into its folder."""
    other = changed(run, *settings)
    other.prepare_folder()
    return other


def test_the_plan_of_stages_is_what_then_happens(built: Run) -> None:
    run = applied(built, "checks.intent.min_object=0.125")
    found = plans(run)

    for name in NAMES[:6]:
        reused = run_stage(run, name)
        assert found[name].status is Status.FOLLOWS or reused is not found[name].may_run


def test_results_that_fit_again_are_restored(built: Run) -> None:
    forget_stages(built, "sets")

    assert plans(built)["sets"].status is Status.RESTORED


def test_superseded_results_follow_what_runs(built: Run) -> None:
    forget_stages(built, "sets")

    assert plans(changed(built, "checks.intent.min_object=0.125"))["sets"].status is Status.FOLLOWS


def test_planning_changes_no_file(built: Run) -> None:
    def state() -> dict[str, tuple[int, bytes]]:
        return {
            str(path): (path.stat().st_mtime_ns, path.read_bytes())
            for path in built.folder.rglob("*")
            if path.is_file()
        }

    before = state()
    plans(changed(built, "checks.length.max_ratio=2.25"))
    assert state() == before
