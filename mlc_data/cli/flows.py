"""Access to the Prefect flows, which are imported only by commands that need them.

The flows are installed always, Prefect with the extra `flows`.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from mlc_data.core.extras import is_installed


def has_prefect() -> bool:
    """Return whether Prefect is installed."""
    return is_installed("prefect")


def flows_module(name: str) -> Any:
    """Import a module of the flows; it takes seconds, since Prefect does."""
    return import_module(f"mlc_data.flows.{name}")
