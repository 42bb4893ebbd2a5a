"""The list of all checks, and the checks of users and other packages."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mlc_data.checks.base import Check, CheckSection
from mlc_data.checks.copy import Copy
from mlc_data.checks.coverage import Coverage
from mlc_data.checks.duplicate.check import Duplicate
from mlc_data.checks.intent import Intent
from mlc_data.checks.language_id import LanguageId
from mlc_data.checks.length import Length
from mlc_data.checks.preserved import Preserved
from mlc_data.checks.refusal import Refusal
from mlc_data.checks.repetition import Repetition
from mlc_data.checks.round_trip import RoundTrip
from mlc_data.checks.script import Script
from mlc_data.checks.toxicity import Toxicity
from mlc_data.checks.unknown import Unknown
from mlc_data.core.plugins import CHECKS as GROUP
from mlc_data.core.plugins import load_plugin
from mlc_data.core.section import section_of_plugin
from mlc_data.errors import UsageError

CHECKS: tuple[type[Check], ...] = (
    Script,  # too few letters in the language's script
    LanguageId,  # confidently another language of the recipe
    Length,  # far shorter or longer than translations into the language are
    Repetition,  # a loop
    Copy,  # repeats the prompt, or a sentence of it
    Preserved,  # a number, address or placeholder was lost or made up
    Refusal,  # a refusal instead of the prompt
    Unknown,  # the model's vocabulary does not know enough of the prompt
    Coverage,  # a sentence or clause was dropped or made up
    Intent,  # translated back, a negation or the object of the request is lost
    RoundTrip,  # translated back, it says something else
    Toxicity,  # a word of the user's lists was made up or lost
    Duplicate,  # the same as another prompt's variant
)
"""Every built-in check. A rejected variant counts under the first check that it does not pass."""

KEY = "checks.custom"


def load_check(use: str) -> type[Check]:
    """Return the check that ``checks.custom`` names: ``module:Class``, or an entry point's name.

    Raises:
        UsageError: it cannot be imported, or is not a complete check.
    """
    check: type[Check] = load_plugin(use, GROUP, KEY, Check)
    if faults := list(_faults(check)):
        raise UsageError(f"{KEY}: {use} is not a complete check: {'; '.join(faults)}")
    return check


def custom_section(use: str) -> type[CheckSection]:
    """Return the section of a custom check with the key ``use``, which names its class.

    Raises:
        UsageError: see `load_check`.
    """
    return section_of_plugin(load_check(use).section, "use", use)


def _faults(check: type[Check]) -> Iterator[str]:
    """Yield the reasons why a check cannot be used."""
    missing = [name for name in ("name", "scores", "limits") if not hasattr(check, name)]
    missing += sorted(check.__abstractmethods__)
    if missing:
        yield f"it lacks {', '.join(missing)}"
        return
    if not re.fullmatch(r"[a-z][a-z0-9_]*", check.name):
        yield f"its name {check.name!r} has other characters than a-z, 0-9 and _"
    if any(check.name == builtin.name for builtin in CHECKS):
        yield f"a built-in check has the name {check.name!r}, too"
    taken = {score for builtin in CHECKS for score in builtin.scores}
    for score in check.scores:
        if score in taken or not score.startswith(f"{check.name}_"):
            yield f"its scores must be named {check.name}_<measure>, not {score}"
    for limit in check.limits:
        if limit.score not in check.scores:
            yield f"a limit is on {limit.score!r}, which is not among its scores"
        if limit.key not in check.section.model_fields:
            yield f"a limit is set by {limit.key!r}, which its section does not have"
