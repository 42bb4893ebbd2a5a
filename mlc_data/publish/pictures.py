"""Pictures of the published cards, as SVG."""

from __future__ import annotations

from collections.abc import Sequence

from mlc_data.core import charts
from mlc_data.publish.card import LanguageRow

KEPT = "kept.svg"
"""Name of the picture of `kept`."""


def kept(rows: Sequence[LanguageRow]) -> str | None:
    """Return the chart of kept variants and reasons by language; None without variants, or without the extra ``plots``."""
    parts = [
        {"language": row.name, "part": part.replace("_", " "), "number": number}
        for row in rows
        for part, number in (("kept", row.counts.kept), *row.counts.rejected.items(), *row.counts.failed.items())
    ]  # fmt: skip
    if not any(part["number"] for part in parts) or not charts.can_draw():
        return None
    spec = charts.stacked(parts, "kept", title="Translations kept, and reasons of the others", palette=charts.PRINT)  # fmt: skip
    return charts.picture(spec)
