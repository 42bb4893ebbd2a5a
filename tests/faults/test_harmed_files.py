"""Every kind of file of a finished run, harmed: made again, or refused and named; never taken as it is."""

from __future__ import annotations

import re
import shutil
from itertools import cycle
from pathlib import Path

import pytest
from fault_checks import HARMS, LONG, ends_as, one_message
from fault_harness import SmallRun, State

from mlc_data.core.manifest import read_manifest
from mlc_data.errors import MlcDataError
from mlc_data.translate.cache.store import FILE

pytestmark = pytest.mark.end_to_end

KINDS = (
    "prompts.parquet", "preferences.parquet", "rejected/*.parquet", "translations/*.parquet", "scores/*.parquet",
    "rescue/*.parquet", "variants/*.parquet", "sets/*.parquet", "checkpoint/*.safetensors", "checkpoint/config.json",
    "checkpoint/README.md", "checkpoint/chat_template.jinja", "training.jsonl", "evaluation/*.json",
    "evaluation/*.parquet",
)  # fmt: skip
"""Kinds of output; a test compares them with the manifest."""


def first(run: SmallRun, kind: str) -> Path:
    return min(run.run_dir.glob(kind))


def outputs(run: SmallRun) -> list[Path]:
    return [run.run_dir / name for stage in run.manifest.stages.values() for name in stage.outputs]


def test_all_outputs_at_once_are_made_again(run: SmallRun, expected: State) -> None:
    for file in outputs(run):
        HARMS["flipped"](file)
    ended = ends_as(run, expected)
    for stage in run.manifest.stages:
        if run.manifest.stages[stage].outputs:
            assert f"{stage}: done in" in ended.output


def test_no_kind_of_output_is_forgotten(whole: SmallRun) -> None:
    kinds = {re.sub(r"[^/]+(?=\.\w+$)", "*", name) for name in map(str, KINDS)}
    for file in outputs(whole):
        name = file.relative_to(whole.run_dir).as_posix()
        assert name in KINDS or re.sub(r"[^/]+(?=\.\w+$)", "*", name) in kinds, name


@LONG
@pytest.mark.parametrize(("kind", "how"), zip(KINDS, cycle(HARMS), strict=False))
def test_each_alone_is_made_again(run: SmallRun, expected: State, kind: str, how: str) -> None:
    HARMS[how](first(run, kind))
    assert "is missing or was changed" in ends_as(run, expected).output


@pytest.mark.parametrize("how", HARMS)
def test_a_harmed_manifest_is_refused(whole: SmallRun, tmp_path: Path, how: str) -> None:
    harmed = Path(shutil.copy(whole.run_dir / "manifest.json", tmp_path))
    HARMS[how](harmed)
    with pytest.raises(MlcDataError, match=r"manifest\.json (is not a manifest|was changed)"):
        read_manifest(harmed)


@pytest.mark.parametrize("share", [n / 20 for n in range(20)])
def test_so_is_one_with_a_changed_digit(whole: SmallRun, tmp_path: Path, share: float) -> None:
    harmed = tmp_path / "manifest.json"
    text = (whole.run_dir / "manifest.json").read_text()
    digits = [found.start() for found in re.finditer(r"\d", text)]
    at = digits[int(len(digits) * share)]
    harmed.write_text(text[:at] + str((int(text[at]) + 1) % 10) + text[at + 1 :])
    with pytest.raises(MlcDataError, match=r"manifest\.json (is not a manifest|was changed)"):
        read_manifest(harmed)


def test_the_command_says_so_in_one_message(run: SmallRun) -> None:
    HARMS["cut"](run.run_dir / "manifest.json")
    one_message(run.run(), 1, "manifest.json is not a manifest")


@LONG
def test_without_its_manifest_a_run_is_built_again(run: SmallRun, expected: State) -> None:
    (run.run_dir / "manifest.json").unlink()
    ends_as(run, expected)


@LONG
@pytest.mark.parametrize("how", ["flipped", "zeros"])
def test_files_that_are_no_outputs_do_no_harm(run: SmallRun, expected: State, how: str) -> None:
    known = {*outputs(run), run.run_dir / "manifest.json", run.run_dir / "recipe.yaml"}
    for file in run.run_dir.rglob("*"):
        if file.is_file() and file not in known and file.name != ".lock":
            HARMS[how](file)
    ends_as(run, expected)


@LONG
@pytest.mark.parametrize("how", HARMS)
def test_a_harmed_recipe_in_the_folder(run: SmallRun, expected: State, how: str) -> None:
    HARMS[how](run.run_dir / "recipe.yaml")
    ended = run.run()
    if ended.status:
        one_message(ended, 2, "recipe.yaml")
        (run.run_dir / "recipe.yaml").unlink()
    ends_as(run, expected)


@LONG
@pytest.mark.parametrize("at", [0.0, 0.3, 0.9])
def test_a_harmed_cache(run: SmallRun, expected: State, at: float) -> None:
    shutil.rmtree(run.run_dir)
    file = run.folder / "cache" / FILE
    data = bytearray(file.read_bytes())
    start = int(len(data) * at)
    data[start : start + 64] = bytes(byte ^ 0x15 for byte in data[start : start + 64])
    file.write_bytes(data)
    ended = run.run()
    if ended.status:
        one_message(ended, 1, "the translation cache", "Remove it")
        shutil.rmtree(run.folder / "cache")
    ends_as(run, expected)


@LONG
@pytest.mark.parametrize(
    ("file", "how"),
    [("model.safetensors", "flipped"), ("model.safetensors", "cut"), ("config.json", "empty")],
)
def test_a_harmed_base_model_is_refused_or_another_model(
    run: SmallRun, expected: State, file: str, how: str
) -> None:
    own = run.folder / "tiny"
    shutil.copytree(run.recipe["align"]["model"], own)
    run.recipe["align"]["model"] = str(own)
    ended = run.run()
    assert ended.status == 0, ended.output
    former = State.of(run)
    before = (own / file).read_bytes()
    HARMS[how](own / file)
    ended = run.run()
    if ended.status:
        assert ended.status in (1, 2), ended.output
        one_message(ended, ended.status, "align.model")
    else:
        assert "align: unchanged, reused" not in ended.output
    (own / file).write_bytes(before)
    assert ends_as(run, former).output.count("align: done in") <= 1
    assert State.of(run).hashes == expected.hashes
