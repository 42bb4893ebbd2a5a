"""Jinja templates of Markdown files, such as model and dataset cards."""

from __future__ import annotations

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup


def environment(package: str) -> Environment:
    """Return the environment of the templates in ``mlc_data/<package>``; undefined names are errors.

    A value opens no HTML in the Markdown, see `without_html`; ``| safe`` is for blocks of YAML, which show it as it is.
    """
    # Entities for quotes and ampersands would stand in code and YAML, so this is not jinja2's own escaping.
    return Environment(  # nosec B701
        loader=PackageLoader("mlc_data", package),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
        finalize=without_html,
    )


def without_html(value: Any) -> Any:
    """Return a value for Markdown: a file's name or a declared license that holds ``<script>`` stays a text."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return value.replace("<", "&lt;")
    return value
