"""Access to the Prefect flows, which are imported only by commands that need them."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def flows_module(name: str) -> Any:
    """Import a module of the flows; it takes seconds, since Prefect does."""
    return import_module(f"mlc_data.flows.{name}")
