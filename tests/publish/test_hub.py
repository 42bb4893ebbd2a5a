"""Pushes by the real client to a loopback Hub: what arrives, and what faults leave behind."""

from __future__ import annotations

import io
import json
import logging
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hub_state import TOKEN, LoopbackHub
from published_run import REPO, WORDS, ended, push, rows_at

from mlc_data.core.records import SETS
from mlc_data.errors import UsageError
from mlc_data.pipeline.run import Run
from mlc_data.publish.calls import HubError
from mlc_data.publish.dataset import LicenseRequest
from mlc_data.publish.hub import Hub, Target
from mlc_data.publish.publication import PublishOptions, to_hub

pytestmark = pytest.mark.integration

LOAD = """
import json, sys
from datasets import load_dataset
loaded = {c: load_dataset(sys.argv[1], c) for c in ("sets", "variants")}
print(json.dumps({c: {s: list(rows) for s, rows in d.items()} for c, d in loaded.items()}))
"""
Start = Callable[..., "subprocess.Popen[str]"]
Make = Callable[..., Run]


def expected(run: Run) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Rows by configuration and split, read from the run's own files."""
    sets = {
        split: [
            row
            for file in sorted(run.path("sets").glob(f"{split}-*"))
            for row in pl.read_parquet(file).to_dicts()
        ]
        for split in ("train", "test")
    }
    ids = {row["prompt_id"]: split for split, rows in sets.items() for row in rows}
    variants = pl.read_parquet(run.path("variants", "variants.parquet")).to_dicts()
    return {
        "sets": sets,
        "variants": {
            split: [row for row in variants if ids[row["prompt_id"]] == split]
            for split in ("train", "test")
        },
    }


def test_what_is_loaded_back_is_what_was_written(
    hub: LoopbackHub, mlc_data: Start, child: Start, finished: Make
) -> None:
    run = finished()
    out, _ = ended(mlc_data("publish", str(run.folder), "--repo", REPO))
    assert hub.repo(REPO).head.oid in out
    told, _ = ended(child(LOAD, REPO))
    assert json.loads(told.splitlines()[-1]) == expected(run)
    assert all(expected(run)[config][split] for config in ("sets", "variants")
               for split in ("train", "test"))  # fmt: skip
    # Large files went the large files' way.
    assert hub.count("PUT", "/lfs/") == sum(
        one.endswith(".parquet") for one in hub.repo(REPO).head.files
    )


@pytest.mark.usefixtures("client")
def test_a_repository_is_private_and_gated_before_anything_is_in_it(
    hub: LoopbackHub, finished: Make
) -> None:
    push(finished(), checkpoint=False)
    history = hub.repo(REPO).history
    assert [count for *_, count in history] == sorted(count for *_, count in history)
    assert all(private for private, *_ in history)
    assert all(gated == "manual" for _, gated, count in history if count > 1)
    assert history[-1] == (True, "manual", 2)


@pytest.mark.usefixtures("client")
def test_a_public_repository_is_opened_after_the_commit(hub: LoopbackHub, finished: Make) -> None:
    push(finished(), private=False, gated=False)
    assert hub.repo(REPO).history[-1] == (False, False, 2)
    assert all(private for private, _, count in hub.repo(REPO).history[:-1])
    assert "extra_gated_prompt" not in hub.repo(REPO).head.files["README.md"].decode()


@pytest.mark.usefixtures("client")
def test_an_open_repository_is_never_pushed_to_by_default(hub: LoopbackHub, finished: Make) -> None:
    push(finished(), private=False, gated=False)
    other = finished(WORDS[:8], name="other")
    with pytest.raises(UsageError, match=r"is public\. Add --public"):
        push(other)
    with pytest.raises(UsageError, match=r"not gated\. Add --no-gated"):
        push(other, private=False)
    assert len(hub.repo(REPO).commits) == 2
    push(other, private=True, gated=True)
    assert hub.repo(REPO).history[-2:] == [(True, "manual", 2), (True, "manual", 3)]


@pytest.mark.usefixtures("client")
def test_the_same_again_pushes_nothing_and_says_so(
    hub: LoopbackHub, finished: Make, caplog: pytest.LogCaptureFixture
) -> None:
    run = finished()
    (first,) = push(run)
    before = len(hub.requests)
    with caplog.at_level(logging.INFO, "mlc_data"):
        (second,) = push(run)
    assert (first.changed, second.changed) == (True, False)
    assert first.revision == second.revision == hub.repo(REPO).head.oid
    assert "nothing was pushed" in caplog.text
    assert {method for method, *_ in hub.requests[before:]} == {"GET", "HEAD"}


@pytest.mark.usefixtures("client")
def test_a_changed_run_is_one_commit_and_stale_shards_go(hub: LoopbackHub, finished: Make) -> None:
    push(finished())
    many = set(hub.repo(REPO).head.files)
    (pushed,) = push(finished(WORDS[:8], name="smaller", shard_rows=100))
    few = set(hub.repo(REPO).head.files)
    assert pushed.changed
    assert len(hub.repo(REPO).commits) == 3
    assert rows_at(hub) == 8
    assert len([one for one in few if one.startswith("sets/")]) == 2
    assert len([one for one in many if one.startswith("sets/")]) > 2
    listed = json.loads(hub.repo(REPO).head.files["publication.json"])["files"]
    assert few == {*listed, ".gitattributes"}


@pytest.mark.usefixtures("client")
def test_a_stale_schema_is_replaced_and_foreign_files_stay(
    hub: LoopbackHub, finished: Make, child: Start
) -> None:
    run = finished()
    hub_files = {
        "README.md": b"---\nlicense: mit\ndataset_info:\n- config_name: sets\n  features:\n"
        b"  - name: old\n    dtype: int64\n---\n# Old\n",
        "dataset_infos.json": b'{"sets": {"features": {"old": {"dtype": "int64", "_type": "Value"}}}}',
        "sets/train-00000-of-00009.parquet": b"not even parquet",
        "NOTES.md": b"mine",
    }
    push(run)
    repo = hub.repo(REPO)
    hub.add_commit(repo, "before mlc-data", {".gitattributes": b"", **hub_files}, set())
    (pushed,) = push(run)
    assert pushed.changed
    assert repo.head.files["NOTES.md"] == b"mine"
    assert "dataset_infos.json" not in repo.head.files
    told, _ = ended(child(LOAD, REPO))
    assert json.loads(told.splitlines()[-1]) == expected(run)


@pytest.mark.usefixtures("client")
def test_changes_are_told_in_the_card_and_are_no_reason_to_push(
    hub: LoopbackHub, finished: Make
) -> None:
    run = finished()
    (first,) = push(run, changes="- 12 prompts added")
    card = hub.repo(REPO).head.files["README.md"].decode()
    assert "## Changes in this revision\n\n- 12 prompts added\n" in card
    (second,) = push(run, changes="- nothing")
    assert (first.changed, second.changed) == (True, False)
    assert "Changes" not in _card_of(finished(name="other"), hub)


def _card_of(run: Run, hub: LoopbackHub) -> str:
    to_hub(run, PublishOptions("org/other"), Hub())
    return hub.repo("org/other").head.files["README.md"].decode()


@pytest.mark.usefixtures("client", "waits")
def test_the_token_is_in_no_log_error_or_file(
    hub: LoopbackHub, finished: Make, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("mlc_data").propagate = True
    hub.fail("POST", "/commit/", 500, times=2)
    hub.fail("PUT", "/lfs/", "cut", times=1)
    push(finished(checkpoint=True), checkpoint=True)
    assert "trying again" in caplog.text
    assert "send_request_headers" in caplog.text  # even the wire is logged
    assert TOKEN not in caplog.text
    # A server that echoes it: what came over the wire is then in the wire's log, and nowhere else.
    caplog.clear()
    caplog.set_level(logging.INFO)
    hub.fail("POST", "/commit/", "echo")
    with pytest.raises(HubError, match="<token>") as refused:
        push(finished(WORDS[:8], name="other"))
    assert TOKEN not in str(refused.value)
    assert refused.value.__suppress_context__
    assert TOKEN not in caplog.text
    for repo in hub.repos.values():
        for commit in repo.commits:
            assert not [path for path, data in commit.files.items() if TOKEN.encode() in data]
            assert TOKEN not in commit.message


def test_the_token_is_not_in_what_the_command_says(
    hub: LoopbackHub, mlc_data: Start, finished: Make
) -> None:
    run = finished()
    hub.fail("POST", "/commit/", "echo")
    out, err = ended(mlc_data("publish", str(run.folder), "--repo", REPO), code=1)
    assert "<token>" in err
    assert TOKEN not in out + err
    out, err = ended(mlc_data("publish", str(run.folder), "--repo", REPO))
    assert TOKEN not in out + err


@pytest.mark.usefixtures("client")
def test_a_token_in_what_is_to_be_published_is_refused(hub: LoopbackHub, finished: Make) -> None:
    with pytest.raises(UsageError, match=r"README\.md contains your token"):
        push(finished(), request=LicenseRequest(rights=f"see {TOKEN}"))
    assert not hub.repos


@pytest.mark.usefixtures("client")
def test_without_a_token_nothing_is_asked(
    hub: LoopbackHub, finished: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from huggingface_hub import constants

    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "none"))
    with pytest.raises(UsageError, match="hf auth login"):
        push(finished())
    assert hub.requests == []


@pytest.mark.parametrize("repo", ["name", "a/b/c", "org/na me", "org/a--b", "org/..", "/x", "org/"])
def test_a_repository_needs_an_organisation_and_a_name(repo: str) -> None:
    with pytest.raises(UsageError, match="organisation/name"):
        Target(repo)


def test_an_address_tells_no_password() -> None:
    hub = Hub("https://me:secret@hub.example/base")
    assert hub.address(Target(REPO)) == f"https://hub.example/base/datasets/{REPO}"
    assert hub.address(Target(REPO, "model")) == f"https://hub.example/base/{REPO}"


@pytest.mark.usefixtures("client")
def test_the_checkpoint_names_the_revision_of_its_data(hub: LoopbackHub, finished: Make) -> None:
    run = finished(checkpoint=True)
    data, model = push(run, checkpoint=True)
    files = hub.repo(REPO, "model").head.files
    card = files["README.md"].decode()
    assert f'revision="{data.revision}"' in card
    assert f"datasets:\n- {REPO}\n" in card
    assert "license: cc-by-nc-4.0" in card
    assert "base_model:" not in card
    assert "/home/somebody" not in card
    assert f'from_pretrained("{REPO}")' in card
    assert files["model.safetensors"] == run.path("checkpoint/model.safetensors").read_bytes()
    assert model.url.endswith(f"/{REPO}")
    assert "datasets/" not in model.url
    assert [one.changed for one in push(run, checkpoint=True)] == [False, False]
    assert len(hub.repo(REPO, "model").commits) == 2
    assert hub.repo(REPO, "model").history[-1] == (True, "manual", 2)


@pytest.mark.usefixtures("client")
def test_a_checkpoint_that_was_changed_is_not_published_nor_its_data(
    hub: LoopbackHub, finished: Make
) -> None:
    run = finished(checkpoint=True)
    run.path("checkpoint", "config.json").write_text("{}")
    with pytest.raises(Exception, match=r"config\.json is missing or was changed"):
        push(run, checkpoint=True)
    assert not hub.repos
    with pytest.raises(UsageError, match="has no checkpoint to publish"):
        push(finished(name="without"), checkpoint=True)


@pytest.mark.usefixtures("client")
def test_our_alignment_reads_the_shards_as_its_own(hub: LoopbackHub, finished: Make) -> None:
    run = finished()
    push(run)
    files = hub.repo(REPO).head.files
    for path in [one for one in files if re.match(r"sets/", one)]:
        assert dict(pl.read_parquet(io.BytesIO(files[path])).schema) == SETS
