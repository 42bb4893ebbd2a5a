"""Licenses of models that restrict what the model is used for, from `use_restrictions.json`.

They bind every user of the model and must be passed on with it; they say little about the terms of other data.
"""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.resources import files

from mlc_data.core.section import Section

TABLE = "use_restrictions.json"


class UseRestriction(Section):
    """A license that restricts use.

    Attributes:
        family: common name of its versions.
        pattern: regular expression that finds it in a license's name, in small letters.
        hub: identifiers of the Hub.
        link: address of its text.
        notice: sentence that a card shows.
        teaches: False if its outputs may improve no other models.
    """

    family: str
    pattern: str
    hub: tuple[str, ...]
    link: str
    notice: str
    teaches: bool


@cache
def restrictions() -> tuple[UseRestriction, ...]:
    """Return all licenses of the table; the first that fits a name counts."""
    text = files(__package__).joinpath(TABLE).read_text(encoding="utf-8")
    return tuple(UseRestriction.model_validate(each) for each in json.loads(text))


def find_restriction(name: str) -> UseRestriction | None:
    """Return the license that restricts use and has this name, an identifier or written out; None if there is none."""
    folded = name.strip().lower()
    exact = (each for each in restrictions() if folded in each.hub)
    named = (each for each in restrictions() if re.search(each.pattern, folded))
    return next(exact, None) or next(named, None)
