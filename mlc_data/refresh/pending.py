"""Which stage would be done, without doing any or touching a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlc_data.core.hashing import hash_value
from mlc_data.pipeline.run import Run
from mlc_data.stages import run_stage


class _Told(Exception):
    """A stage has said whether it is done; what would follow is not to happen."""

    def __init__(self, done: bool) -> None:
        super().__init__(done)
        self.done = done


@dataclass(frozen=True)
class _Asked(Run):
    """A run whose stages only tell whether they are done, by the same keys and hashes."""

    def stage(
        self,
        name: str,
        key: Mapping[str, Any],
        outputs: Sequence[str],
        work: Any,
        *,
        force: bool = False,
    ) -> bool:
        del outputs, work, force
        raise _Told(self._is_done(name, hash_value(key)))


def first_pending(run: Run, stages: Sequence[str]) -> str | None:
    """The first of the stages that would be done, in order; None where all of them are up to date.

    What comes after it is not known before it is done.

    Raises:
        MlcDataError: what a stage needs is missing; see the stage.
    """
    asked = _Asked(run.recipe, run.folder)
    for name in stages:
        try:
            run_stage(asked, name)
        except _Told as told:
            if not told.done:
                return name
        else:
            raise RuntimeError(f"the stage {name!r} did not ask whether it is done")
    return None
