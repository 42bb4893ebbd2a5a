"""Check whose scores a command computes."""

from __future__ import annotations

import hashlib
import logging
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import polars as pl

from mlc_data.checks.base import ENGLISH, Check, CheckSection, CorpusCheck, Parts, at_least, at_most
from mlc_data.checks.external.command import run_command
from mlc_data.checks.external.section import ExternalSection
from mlc_data.core import progress
from mlc_data.core.files import atomic_file
from mlc_data.errors import UsageError

log = logging.getLogger(__name__)

_STORED = {"text": pl.UInt64(), "score": pl.Float64()}
_ONE_AT_A_TIME = threading.Lock()  # two scorers would share one accelerator


class External(CorpusCheck):
    """Scores of a command, see `ExternalSection`; made for a section by `external_check`.

    ``external_<name>``: the command's score, null where it gives none. The command is run once for up to
    ``rows_at_once`` translations of a run, before the shards are scored, one run at a time; and once for each
    batch of other texts, such as attempts of the rescue stage.
    """

    section = ExternalSection
    abstains = True
    resumes = True
    settings: ExternalSection

    def __init__(
        self,
        settings: CheckSection,
        source: str = ENGLISH,
        stored: pl.DataFrame | None = None,
        parts: Parts | None = None,
    ) -> None:
        super().__init__(settings, source)
        self.parts = parts
        self.stored = pl.DataFrame(schema=_STORED) if stored is None else stored

    def preflight(self) -> None:
        """Check that the command is there, before anything is translated.

        Raises:
            UsageError: there is no such command.
        """
        program = self.settings.command[0]
        if shutil.which(program) is None:
            raise UsageError(
                f"checks.external.{self.settings.name}: there is no command {program!r} on the PATH"
            )

    def judges(self, language: str) -> bool:
        """See `Check.judges`."""
        return not self.settings.languages or language in self.settings.languages

    def scored_by(self) -> dict[str, Any]:
        """Return the command, its version and its languages; nothing else says what a command computes."""
        decisive = {"command", "version", "languages"}
        return dict(self.settings.model_dump(mode="json", include=decisive))

    def passes(self) -> pl.Expr:
        """Return whether the score is within its limits; a variant without a score passes."""
        good = [limit.passes(self.settings) for limit in self.limits] or [pl.lit(value=True)]
        return pl.col(self.name).is_null() | pl.all_horizontal(good)

    def prepared(self, parts: Parts) -> Check:
        """Return the check with all translations at hand; nothing is scored yet."""
        return type(self)(self.settings, self.source, self.stored, parts)

    def save(self, folder: Path, *, others: bool) -> None:
        """Score all translations and write the scores, a file for each run of the command.

        Files that an interrupted run has left are not made again. Where other texts are to be scored, those
        of the translations are known, and nothing is written.

        Raises:
            MlcDataError: the command fails, see `run_command`.
        """
        if others or self.parts is None:
            return
        folder.mkdir(parents=True, exist_ok=True)
        total = sum(self._asked(part).height for part in self.parts())
        with progress.bar(f"scoring: {self.name}", total, "variants") as bar:
            for begun, rows in self._batches(self.parts):
                path = folder / f"{begun:010d}-{rows.height}.parquet"
                if not path.is_file():
                    log.info(
                        "%s: rows %d to %d of %d", self.name, begun + 1, begun + rows.height, total
                    )
                    scored = pl.DataFrame({"text": _texts(rows), "score": self._run(rows)}, _STORED)
                    with atomic_file(path) as temporary:
                        scored.write_parquet(temporary)
                bar.advance(rows.height)

    def loaded(self, folder: Path, parts: Parts) -> Check:
        """Return the check with the scores of a folder, if there are any."""
        files = sorted(folder.glob("*.parquet"))
        stored = pl.concat([self.stored, *map(pl.read_parquet, files)]).unique("text", keep="any")
        return type(self)(self.settings, self.source, stored)

    def score(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return ``external_<name>``; the command is run for texts without a stored score.

        Raises:
            MlcDataError: the command fails, see `run_command`.
        """
        asked = self._asked(rows.with_row_index("place"))
        texts = asked.select("place", text=_texts(asked))
        new = asked.join(
            texts.join(self.stored, on="text", how="anti"),
            on="place",
            how="semi",
            maintain_order="left",
        )
        known = texts.join(self.stored, on="text").select("place", "score")
        parts = [
            known,
            *(part.select("place", score=self._run(part)) for part in self._sliced(new)),
        ]
        places = rows.with_row_index("place").select("place")
        scores = places.join(pl.concat(parts), on="place", how="left", maintain_order="left")
        return scores.select(pl.col("score").alias(self.name))

    def _asked(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return the rows that the command scores."""
        chosen = self.settings.languages
        return rows.filter(pl.col("language").is_in(chosen)) if chosen else rows

    def _sliced(self, rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
        return rows.iter_slices(self.settings.rows_at_once) if rows.height else iter(())

    def _batches(self, parts: Parts) -> Iterator[tuple[int, pl.DataFrame]]:
        """Yield the rows to score, ``rows_at_once`` at a time, with the number of those before."""
        held: list[pl.DataFrame] = []
        begun, size = 0, self.settings.rows_at_once
        for part in parts():
            held.append(self._asked(part).drop("segments", strict=False))
            while (waiting := sum(each.height for each in held)) >= size:
                rows = pl.concat(held)
                yield begun, rows.head(size)
                begun, held = begun + size, [rows.tail(waiting - size)]
        if rest := [each for each in held if each.height]:
            yield begun, pl.concat(rest)

    def _run(self, rows: pl.DataFrame) -> pl.Series:
        request = rows.select(
            "language", "back_translation", prompt=pl.col("source"), variant=pl.col("text")
        )
        with _ONE_AT_A_TIME:
            return run_command(
                self.settings.command,
                request,
                key=f"checks.external.{self.settings.name}",
                timeout=self.settings.timeout_s,
            )


def external_check(settings: ExternalSection) -> type[External]:
    """Return the check of one section: its name, its score and the limits that it sets."""
    name = f"external_{settings.name}"
    limits = [at_least(name, "min", tighten=True)] if settings.min is not None else []
    limits += [at_most(name, "max", tighten=True)] if settings.max is not None else []
    members: dict[str, Any] = {
        "name": name,
        "scores": (name,),
        "limits": tuple(limits),
        "__module__": __name__,
        "__doc__": External.__doc__,
    }
    return cast("type[External]", type("External", (External,), members))


def _texts(rows: pl.DataFrame) -> pl.Series:
    """Return a number (UInt64) for what a row's score depends on."""
    columns = ("source", "language", "text", "back_translation")
    digests = (
        hashlib.blake2b(repr(row).encode("utf-8", "surrogatepass"), digest_size=8).digest()
        for row in rows.select(columns).iter_rows()
    )
    return pl.Series("text", [int.from_bytes(each, "big") for each in digests], dtype=pl.UInt64)
