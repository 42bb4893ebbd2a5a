"""Flow `publish`: push a run's variant sets, and its checkpoint if asked for, to the Hub."""

from __future__ import annotations

import argparse
from pathlib import Path

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from mlc_data.pipeline.run import Run
from mlc_data.publish.dataset import LicenseRequest
from mlc_data.publish.publication import PublishOptions, to_hub
from mlc_data.report.page import bring_up_to_date

from .common import errors_shown, run_name
from .parameters import Folder, Licence, Part, Repository


@task(task_run_name="push {repo}", cache_policy=NO_CACHE)
def push(run_dir: str, repo: str, options: PublishOptions) -> list[str]:
    """Push the changes; return ``address@revision`` of the data set and of the checkpoint."""
    run = Run.open(Path(run_dir))
    if options.report:
        bring_up_to_date(run)
    pushed = to_hub(run, options)
    return [f"{result.url}@{result.revision}" for result in pushed]


@flow(name="publish", flow_run_name=run_name)
def publish(
    run_dir: Folder,
    repo: Repository,
    *,
    licence: Licence | None = None,
    rights: str | None = None,
    declared: dict[Part, Licence] | None = None,
    private: bool | None = None,
    gated: bool | None = None,
    checkpoint: bool = False,
) -> list[str]:
    """Publish a finished run; the token is the worker's own (HF_TOKEN), never a parameter.

    Args:
        run_dir: the run's folder.
        repo: organisation/name.
        licence: SPDX identifier; empty takes the strictest of what the data are made from.
        rights: why the licenses of the parts do not apply; the card shows it.
        declared: licenses of parts that do not name their own, such as ``prompts: CC-BY-4.0``.
        private: empty means private for a new repository.
        gated: empty means gated for a new repository.
        checkpoint: push the checkpoint too, as the model of the same name.
    """
    request = LicenseRequest(
        licence, rights, {str(part): own for part, own in (declared or {}).items()}
    )
    return push(run_dir, repo, PublishOptions(repo, private, gated, request, checkpoint))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run-dir", required=True, help="the run's folder")
    parser.add_argument("--repo", required=True, help="organisation/name")
    parser.add_argument("--checkpoint", action="store_true", help="push the checkpoint too")
    chosen = parser.parse_args()
    with errors_shown():
        publish(run_dir=chosen.run_dir, repo=chosen.repo, checkpoint=chosen.checkpoint)
