"""Types of the flows' parameters: the form in Prefect's UI, and what a server refuses before a run begins.

A deployment carries them as JSON Schema, against which the server checks every run's parameters; Prefect checks
them again when a flow is called. What only the worker can check (whether a file exists, whether the recipe allows
a value) is reported by the flow before its first stage.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from mlc_data.recipe.loading import shipped_recipes
from mlc_data.recipe.recipe import Recipe

_SHIPPED = tuple(shipped_recipes())
_SECTIONS = tuple(Recipe.model_fields)

_NAMES = "|".join(name.replace(".", "[.]") for name in _SHIPPED)

# Only what Python, Rust (pydantic) and JavaScript (the UI) read alike. An empty recipe is allowed: the flow then
# continues the run in `run_dir`.
RECIPE_PATTERN = rf"^(|{_NAMES}|.*/.*|.+[.]ya?ml)$"
OVERRIDE_PATTERN = rf"^\s*({'|'.join(_SECTIONS)})(\.[^\s.=]+)*\s*=[\s\S]*$"
REPO_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*$"
TRAINING_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"
LICENCE_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9.+-]*$"

RecipeName = Annotated[str, Field(pattern=RECIPE_PATTERN)]
"""A shipped recipe's name, or a path on the worker: it ends in ``.yaml`` or has a ``/`` in it."""

Folder = Annotated[str, Field(min_length=1)]
"""A run's folder on the worker."""

TrainingName = Annotated[str, Field(pattern=TRAINING_PATTERN)]
"""Name of a training; it becomes a folder's name."""

Override = Annotated[str, Field(pattern=OVERRIDE_PATTERN)]
"""``dotted.key=value`` of a recipe, as after ``--set``; the first key is a section of it."""

Repository = Annotated[str, Field(pattern=REPO_PATTERN)]
"""``organisation/name`` on the Hub."""

Licence = Annotated[str, Field(pattern=LICENCE_PATTERN)]
"""SPDX identifier."""

Part = Literal["prompts", "translator", "second_translator", "preferences", "base"]
"""A part of a publication whose license may not be known."""

IN_WORDS: Mapping[str, str] = {
    RECIPE_PATTERN: "a shipped recipe's name "
    f"({', '.join(_SHIPPED)}), a path ending in .yaml, or a path with a / in it (./mine)",
    OVERRIDE_PATTERN: "dotted.key=value, where the key begins with a section of the recipe "
    f"({', '.join(_SECTIONS)})",
    REPO_PATTERN: "organisation/name",
    TRAINING_PATTERN: "letters, digits, '-', '_' and '.'",
    LICENCE_PATTERN: "an SPDX identifier such as CC-BY-4.0",
}
"""Each pattern in words, for messages: a server can only quote the pattern."""
