"""HTML of the report: templates, one style sheet, one script, and data that no script can break out of."""

from __future__ import annotations

import base64
import hashlib
import json
import unicodedata
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

SCRIPTS = ("base.js", "heat.js", "thresholds.js", "rows.js", "replies.js", "review.js")
"""Parts of the page's script, in order; they share one scope."""

_ESCAPES = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}
_CONTROLS = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"
)
"""Characters that change the direction of text around them, or show nothing where something may hide."""


def as_json(value: Any) -> Markup:
    """Return JSON that stays within its element, whatever texts it holds.

    ``<``, ``>``, ``&`` and the line separators that end a line of a script are written as escapes; a number that
    JSON does not have (infinite, not a number) is an error.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(text.translate(_ESCAPES))


def shown(text: object) -> Markup:
    """Return a text for HTML, isolated from its surroundings, with control characters as visible names."""
    parts = [_character(each) if is_control(each) else escape(each) for each in str(text)]
    return Markup("<bdi>{}</bdi>").format(Markup("").join(parts))


def is_control(character: str) -> bool:
    """Return whether a character is shown by its name: a control, or one that changes the direction of text."""
    return character in _CONTROLS or (
        unicodedata.category(character) == "Cc" and character not in "\n\t"
    )


def _character(character: str) -> Markup:
    point = f"U+{ord(character):04X}"
    name = unicodedata.name(character, "control character").title()
    return Markup('<span class="control" title="{} {}">{}</span>').format(point, name, point)


def page(template: str, *, scripts: Sequence[str] = SCRIPTS, **values: Any) -> str:
    """Return a page from a template of this package; style and script are part of it.

    The page may fetch nothing, send nothing and run no script but its own, whose hash it names.
    """
    script = "\n".join(["'use strict';", *map(asset, scripts)])
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    return (
        _environment()
        .get_template(template)
        .render(policy=policy, script=Markup(script), style=Markup(asset("page.css")), **values)
    )


@cache
def asset(name: str) -> str:
    """Return a text file of ``assets/``."""
    return (files("mlc_data.report.page") / "assets" / name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("mlc_data", "report/page/templates"),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "shown": shown,
        "words": lambda text: str(text).replace("_", " "),
        "number": number,
        "figure": figure,
    }
    made.globals["as_json"] = as_json
    return made


def number(value: int) -> str:
    """Return a count with its thousands apart."""
    return f"{value:,}"


def figure(value: float | None, decimals: int = 2) -> str:
    """Return a figure with some decimals; a dash where it is undefined."""
    if value is None:
        return "–"
    # A minus, not a hyphen; and no minus before what is rounded to 0.
    return f"{value:z.{decimals}f}".replace("-", "\N{MINUS SIGN}")


def data_of(values: Mapping[str, Any]) -> Markup:
    """Return the element that holds the page's data; it is no script, and nothing runs it."""
    return Markup('<script type="application/json" id="data">{}</script>').format(as_json(values))
