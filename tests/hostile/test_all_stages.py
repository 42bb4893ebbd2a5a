"""The hostile rows as one file, through every stage up to the variant sets, with a real translator."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import polars as pl
import pytest
from hostile.corpus import bytes_of, cases, text_of

from mlc_data.core.parquet import read_parquet
from mlc_data.execute import run_stages
from mlc_data.pipeline.run import Run
from mlc_data.recipe.loading import load_recipe

TARGETS = ("spa_Latn", "swh_Latn")
SECRETS = {
    "HF_TOKEN": "hf_plantedplantedplantedplanted01",
    "OPENAI_API_KEY": "sk-planted-endpoint-key-0123456789",
    "JUDGE_KEY": "planted-judge-key-0123456789",
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("hostile")
    rows = cases("rows")
    plain = [b'{"prompt": "How do I count to %d?"}' % number for number in range(80)]
    (folder / "p.jsonl").write_bytes(b"\n".join([*map(bytes_of, rows), *plain]) + b"\n")
    recipe = load_recipe(
        "quickstart",
        [
            f"sources.prompts.path={folder}/p.jsonl", "sources.preferences=null",
            f"languages.targets=[{','.join(TARGETS)}]", f"translate.cache={folder}/cache",
            "translate.max_output_tokens=48", "checks.meaning.encoder=null",
            "sets.completeness=mask", "runner.workers=1", "rescue.rungs=[split]",
            "evaluate.safety.judges=[{kind: endpoint, url: 'http://localhost:9/v1', model: m, key_variable: JUDGE_KEY}]",
        ],
    )  # fmt: skip
    run = Run.create(recipe, folder / "run")
    former = {name: os.environ.get(name) for name in SECRETS}
    os.environ.update(SECRETS)
    try:
        run_stages(run, "sets")
    finally:
        for name, value in former.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
    return run


def test_every_row_is_kept_or_rejected(run: Run) -> None:
    counts = run.manifest.counts.prompts
    assert counts is not None
    assert counts.read == counts.kept + sum(counts.rejected.values())
    assert counts.kept > 150


def test_kept_prompts_are_unharmed(run: Run) -> None:
    expected = {text_of(row["text"]) for row in cases("rows") if "text" in row}
    prompts = set(read_parquet(run.path("prompts.parquet"))["prompt"])
    rejected = read_parquet(run.path("rejected", "prompts.parquet"))
    foreign = rejected.filter(pl.col("reason") == "not_english")
    assert len(expected - prompts) == foreign.height < 10


def test_every_prompt_is_requested_in_every_language(run: Run) -> None:
    prompts = read_parquet(run.path("prompts.parquet"))["prompt_id"].to_list()
    rows = read_parquet(run.path("translations")).select("prompt_id", "language").rows()
    # Earlier turns of conversations are translated beside the prompts.
    assert {(one, code) for one in prompts for code in TARGETS} <= set(rows)
    assert max(Counter(rows).values()) == 1


def test_every_variant_is_kept_rejected_or_failed(run: Run) -> None:
    counts = run.manifest.counts.variants
    assert counts is not None
    rest = sum(counts.rejected.values()) + sum(counts.failed.values())
    assert counts.requested == counts.kept + rest
    assert counts.requested == read_parquet(run.path("translations")).height


def test_every_prompt_has_a_set_or_a_reason(run: Run) -> None:
    sets = run.manifest.counts.sets
    assert sets is not None
    assert sets.kept + sum(sets.dropped.values()) == run.manifest.counts.prompts.kept  # type: ignore[union-attr]


def test_no_planted_secret_is_in_any_file(run: Run) -> None:
    files = [file for file in run.folder.parent.rglob("*") if file.is_file()]
    assert len(files) > 10
    for file in files:
        data = file.read_bytes()
        for name, secret in SECRETS.items():
            assert secret.encode() not in data, f"{name} stands in {file}"


def test_no_control_character_is_in_a_text_of_the_sets(run: Run) -> None:
    texts = read_parquet(run.path("prompts.parquet"))["prompt"]
    assert not texts.str.contains("[\\x00-\\x08\\x0e-\\x1b\\x7f\\x9b\\x9d]").any()


def test_names_of_files_are_as_ever(run: Run) -> None:
    names = {path.name for path in Path(run.folder).iterdir()}
    assert {"prompts.parquet", "translations", "scores", "variants", "sets"} <= names
