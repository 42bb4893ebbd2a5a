"""Hub rows of `mlc-data doctor`: models and data sets that a recipe names are there, and this token may read them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from mlc_data.core.extras import explain_missing_extra
from mlc_data.errors import MlcDataError, whole_message
from mlc_data.evaluate.safety.suites import suites
from mlc_data.recipe.recipe import Recipe

HUB_SECONDS = 10
"""Longest wait for an answer of the Hub."""

Row = tuple[str, str, bool]
"""Subject, finding, and True if it is good."""

Kind = Literal["model", "dataset"]


def hub_datasets(recipe: Recipe) -> Iterator[Row]:
    """Yield a row for every Hub data set of a recipe: prompts, preferences, evaluation prompts and suites."""
    for what, name, revision in dict.fromkeys(_named(recipe)):
        if Path(name).is_dir():
            yield what, f"{name}: a folder", True
            continue
        try:
            with explain_missing_extra():
                cached = _is_cached(name)
        except MlcDataError as error:
            yield what, str(error), False
            continue
        yield what, *on_hub(name, "dataset", revision, cached=cached)


def hub_model(name: str, revision: str | None = None) -> tuple[str, bool]:
    """Return the finding on a model: in the local cache, on the Hub with access, or why not."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        snapshot_download(name, revision=revision, local_files_only=True)
    except LocalEntryNotFoundError:
        return on_hub(name, "model", revision)
    return f"{name}: in the local Hub cache", True


def on_hub(
    name: str, kind: Kind, revision: str | None, *, cached: bool = False
) -> tuple[str, bool]:
    """Return the finding on a repository: it exists, and where it is gated the user's token has access.

    Args:
        name: ``organisation/name``.
        kind: of repository.
        revision: commit or tag; None is the newest.
        cached: True if a copy on this machine does where the Hub does not answer.
    """
    from huggingface_hub import HfApi

    api = HfApi()
    try:
        info = api.repo_info(name, repo_type=kind, revision=revision, timeout=HUB_SECONDS)
        if info.gated:
            api.auth_check(name, repo_type=kind)
    # The error is shown, whatever it is: no network, no access, no such name.
    except Exception as error:  # noqa: BLE001
        if cached:
            return f"{name}: in the local cache, not reachable ({whole_message(error)})", True
        return f"{name}: not reachable ({whole_message(error)})", False
    return f"{name}: on the Hub" + (", gated, this token has access" if info.gated else ""), True


def _named(recipe: Recipe) -> Iterator[tuple[str, str, str | None]]:
    sources = recipe.sources
    for what, source in (("prompts", sources.prompts), ("preferences", sources.preferences)):
        if source is not None and source.hub is not None:
            yield what, source.hub, source.revision
    safety = recipe.evaluate.safety
    for each in safety.prompts if safety else ():
        if each.suite is not None and each.path is None:
            yield f"suite {each.suite}", suites()[each.suite].hub, each.revision
        elif each.hub is not None:
            yield "evaluation prompts", each.hub, each.revision


def _is_cached(name: str) -> bool:
    """Return whether the library `datasets` has a copy of a data set."""
    from datasets import config
    from datasets.naming import camelcase_to_snakecase

    owner, _, own = name.rpartition("/")
    folder = "___".join([*([owner] if owner else []), camelcase_to_snakecase(own)])
    return (Path(config.HF_DATASETS_CACHE) / folder).is_dir()
