"""Two tables in the same order of prompts, read side by side without either being in memory as a whole."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl


class InStep:
    """Rows of a table (``prompt_id`` and more), taken prompt by prompt as another table advances.

    Its prompts have to be in the order of the other table, which may have prompts without any row here.
    """

    def __init__(self, parts: Iterator[pl.DataFrame], empty: pl.DataFrame) -> None:
        """Prepare to read ``parts``; ``empty`` has their columns."""
        self._parts, self._held = parts, empty

    def of(self, prompts: pl.Series) -> pl.DataFrame:
        """Return the rows of the next prompts (ids), in order."""
        taken = [self._held.clear()]
        while True:
            inside = self._held["prompt_id"].is_in(prompts.implode())
            taken.append(self._held.filter(inside))
            self._held = self._held.filter(~inside)
            # A row of a later prompt says that there are no more of these.
            if self._held.height or not self._read():
                return pl.concat(taken)

    def rest(self) -> Iterator[pl.DataFrame]:
        """Yield the rows that belong to no prompt so far, or are out of order."""
        yield self._held
        yield from self._parts

    def _read(self) -> bool:
        for part in self._parts:
            if part.height:
                self._held = part
                return True
        return False
