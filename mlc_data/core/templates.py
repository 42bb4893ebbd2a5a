"""Jinja templates of Markdown files, such as model and dataset cards."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined


def environment(package: str) -> Environment:
    """Return the environment of the templates in ``mlc_data/<package>``; undefined names are errors."""
    return Environment(
        loader=PackageLoader("mlc_data", package),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # Markdown, not HTML
    )
