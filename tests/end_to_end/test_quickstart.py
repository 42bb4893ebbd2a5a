"""The whole pipeline on real parts: fastText, CTranslate2, Prefect, TRL, SmolLM2-135M-Instruct."""

from __future__ import annotations

import json
from typing import Any

import polars as pl
import pytest
from cli_sandbox import QuickstartRun
from datasets import load_dataset
from jsonschema import Draft202012Validator

from mlc_data.schemas import build
from mlc_data.stages import NAMES

pytestmark = pytest.mark.end_to_end


def test_the_manifest_adds_up(quickstart: QuickstartRun) -> None:
    manifest = quickstart.sandbox.manifest()
    counts = manifest.counts
    assert counts.prompts and counts.variants and counts.sets and counts.by_language
    assert counts.prompts.read == 218
    assert counts.prompts.read == counts.prompts.kept + sum(counts.prompts.rejected.values())
    variants = counts.variants
    assert variants.requested == counts.prompts.kept * 4
    assert variants.requested == (
        variants.kept + sum(variants.rejected.values()) + sum(variants.failed.values())
    )
    assert sum(count.requested for count in counts.by_language.values()) == variants.requested
    assert counts.prompts.kept == counts.sets.kept + sum(counts.sets.dropped.values())
    assert list(manifest.stages) == list(NAMES)
    assert all(stage.seconds > 0 for stage in manifest.stages.values())
    assert {"translator", "language_identifier"} <= set(manifest.models)
    assert all(len(model.revision) >= 8 for model in manifest.models.values())
    written = json.loads((quickstart.folder / "manifest.json").read_text())
    Draft202012Validator(build()["manifest"]).validate(written)


def test_tables_hold_what_the_manifest_counts(quickstart: QuickstartRun) -> None:
    counts = quickstart.sandbox.manifest().counts
    assert counts.variants and counts.sets
    kept = pl.read_parquet(quickstart.folder / "variants" / "variants.parquet")
    rejected = pl.read_parquet(quickstart.folder / "rejected" / "variants.parquet")
    scores = pl.read_parquet(quickstart.folder / "scores" / "scores.parquet")
    assert kept.height == counts.variants.kept
    assert kept.height + rejected.height == counts.variants.requested
    assert scores.height == counts.variants.requested - sum(counts.variants.failed.values())
    both = pl.concat(
        [kept.select("prompt_id", "language"), rejected.select("prompt_id", "language")]
    )
    assert both.is_unique().all()
    assert rejected["reason"].null_count() == 0


def test_variant_sets_load_in_one_line_and_fit_their_schema(quickstart: QuickstartRun) -> None:
    sets = load_dataset("parquet", data_dir=str(quickstart.folder / "sets"))
    kept = quickstart.sandbox.manifest().counts.sets
    assert kept is not None
    assert sets["train"].num_rows + sets["test"].num_rows == kept.kept
    assert min(sets["train"].num_rows, sets["test"].num_rows) > 0
    schema = Draft202012Validator(build()["variant_set"])
    for row in sets["train"]:
        schema.validate(row)
        assert len(row["variants"]) >= 3
        assert len(row["variants"]) + len(row["missing"]) == 4


def test_kept_rows_fit_the_schemas(quickstart: QuickstartRun) -> None:
    files = {
        "prompt": "prompts.parquet",
        "preference": "preferences.parquet",
        "variant": "variants/variants.parquet",
    }
    for name, file in files.items():
        schema = Draft202012Validator(build()[name])
        for row in pl.read_parquet(quickstart.folder / file).iter_rows(named=True):
            schema.validate(row)


def test_the_checkpoint_is_a_normal_folder_that_generates(quickstart: QuickstartRun) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = quickstart.folder / "checkpoint"
    names = {path.name for path in folder.iterdir()}
    assert {"config.json", "generation_config.json", "model.safetensors", "README.md"} <= names
    assert not [name for name in names if name.endswith((".bin", ".pt", ".pth"))]
    card = (folder / "README.md").read_text()
    manifest = quickstart.sandbox.manifest()
    assert manifest.recipe_hash in card
    assert str(manifest.content_hash.sets) in card
    model = AutoModelForCausalLM.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    messages = [{"role": "user", "content": "What is the capital of France?"}]
    tokens = tokenizer.apply_chat_template(
        messages, add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    tokens_out = model.generate(**tokens, max_new_tokens=12, do_sample=False)
    reply = tokenizer.decode(
        tokens_out[0, tokens["input_ids"].shape[1] :], skip_special_tokens=True
    )
    assert "Paris" in reply


def test_it_is_measured_before_and_after(quickstart: QuickstartRun) -> None:
    results = quickstart.sandbox.manifest().results
    for key in ("loss", "first_share", "within_cosine", "between_cosine", "retrieval"):
        before, after = results["before"][key], results["after"][key]
        assert isinstance(before, float)
        assert isinstance(after, float)
    assert results["before"] != results["after"]


def test_the_terminal_shows_the_summary(quickstart: QuickstartRun) -> None:
    for text in ("swh_Latn", "Swahili", "held-out variant sets", "checkpoint", "runs/quickstart"):
        assert text in quickstart.output
    assert "Traceback" not in quickstart.log


def test_a_pipe_gets_no_control_codes(quickstart: QuickstartRun) -> None:
    assert not set(quickstart.output + quickstart.log) & set("\x1b\r\b")


def test_a_second_run_reuses_every_stage_and_says_so(quickstart: QuickstartRun) -> None:
    before = quickstart.sandbox.manifest().stages
    done = quickstart.sandbox.run("run", "quickstart")
    for stage in NAMES:
        assert f"{stage}: unchanged, reused" in done.stderr
    assert quickstart.sandbox.manifest().stages == before


def test_a_flow_in_another_folder_gives_equal_content_hashes(quickstart: QuickstartRun) -> None:
    quickstart.sandbox.run(
        "mlc_data.flows.build_variants", "--recipe", "quickstart", "--run-dir", "runs/again",
        "--set", "translate.cache=null",
    )  # fmt: skip
    again = quickstart.sandbox.manifest("runs/again")
    assert again.content_hash == quickstart.sandbox.manifest().content_hash
    assert again.counts == quickstart.sandbox.manifest().counts


def test_new_thresholds_decide_again_without_scoring_or_translating(
    quickstart: QuickstartRun,
) -> None:
    arguments = ("--run-dir", "runs/again")
    strict = ("--set", "checks.length.max_ratio=0.5")
    quickstart.sandbox.run("sets", "quickstart", *arguments)
    done = quickstart.sandbox.run("sets", "quickstart", *arguments, *strict)
    for stage in ("sources", "translate", "score"):
        assert f"{stage}: unchanged, reused" in done.stderr
    for stage in ("check", "sets"):
        assert f"{stage}: done" in done.stderr
    counts = quickstart.sandbox.manifest("runs/again").counts
    assert counts.variants and counts.variants.rejected["length"] > 100


def test_a_users_file_with_broken_rows_is_accounted_for(quickstart: QuickstartRun) -> None:
    prompts = [f"How do I prepare for exam number {number}?" for number in range(24)]
    broken: list[Any] = [
        b'{"prompt": "cut off', b"", b'"a string"', b'{"prompt": 4}', b'{"prompt": "\xff\xfe"}',
        json.dumps({"text": "x"}).encode(),
    ]  # fmt: skip
    lines = [json.dumps({"prompt": prompt}).encode() for prompt in prompts]
    for number, line in enumerate(broken):
        lines.insert(number * 4, line)
    (quickstart.sandbox.folder / "mine.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    own = ("--set", "sources.prompts.path=mine.jsonl", "--run-dir", "runs/mine")
    quickstart.sandbox.run("sets", "quickstart", *own, short=False)
    counts = quickstart.sandbox.manifest("runs/mine").counts
    assert counts.prompts and counts.variants
    assert counts.prompts.model_dump() == {
        "read": 30,
        "kept": 24,
        "rejected": {
            "empty": 1, "malformed": 1, "missing": 1, "not_a_string": 1, "not_an_object": 1,
            "not_unicode": 1,
        },
    }  # fmt: skip
    assert counts.variants.requested == 24 * 7


def test_explain_shows_a_prompt(quickstart: QuickstartRun) -> None:
    rejected = pl.read_parquet(quickstart.folder / "rejected" / "variants.parquet").row(
        0, named=True
    )
    arguments = (
        "explain",
        "runs/quickstart",
        rejected["prompt_id"],
        "--language",
        rejected["language"],
    )
    output = quickstart.sandbox.run(*arguments, short=False).stdout
    assert rejected["reason"] in output
    assert rejected["source"] in output
    unknown = quickstart.sandbox.run("explain", "runs/quickstart", "zzzz", short=False, code=2)
    assert "no prompt" in unknown.stderr
