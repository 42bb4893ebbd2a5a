"""Check whose scores a command computes."""

from __future__ import annotations

import hashlib
import io
import logging
import shutil
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, cast

import polars as pl

from mlc_data.checks.base import ENGLISH, Check, CheckSection, CorpusCheck, Parts, at_least, at_most
from mlc_data.checks.external.command import run_command
from mlc_data.checks.external.section import ExternalSection
from mlc_data.core import progress
from mlc_data.core.files import atomic_file
from mlc_data.core.hashing import hash_file, hash_value
from mlc_data.core.parquet import read_parquet
from mlc_data.errors import UsageError

log = logging.getLogger(__name__)

_DIGITS = 16  # hexadecimal, of hashes in names
_STORED = {"text": pl.UInt64(), "score": pl.Float64()}
_ONE_AT_A_TIME = threading.Lock()  # two scorers would share one accelerator


class External(CorpusCheck):
    """Scores of a command, see `ExternalSection`; made for a section by `external_check`.

    ``external_<name>``: the command's score, null where it gives none. The command is run once for up to
    ``rows_at_once`` translations of a run, before the shards are scored, one run at a time; and once for each
    batch of other texts, such as attempts of the rescue stage. Scores of translations are stored with the run by
    text, so that later runs of the stage ask for new texts only.
    """

    section = ExternalSection
    abstains = True
    lasting = True
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

    def prepared(self, parts: Parts) -> Check:
        """Return the check with all translations at hand; nothing is scored yet."""
        return type(self)(self.settings, self.source, self.stored, parts)

    @property
    def saved_as(self) -> str:
        """Name of the folder of stored scores: another command or version has another one."""
        decisive = self.settings.model_dump(mode="json", include={"command", "version"})
        return f"{self.name}-{hash_value([type(self).version, decisive])[:8]}"

    def save(self, folder: Path, *, others: bool) -> None:
        """Score the translations that have no stored score, and store a file for each run of the command.

        Where other texts are to be scored, the translations have been: nothing is written.

        Raises:
            MlcDataError: the command fails, see `run_command`.
        """
        if others or self.parts is None:
            return
        folder.mkdir(parents=True, exist_ok=True)
        parts, known = self.parts, _stored_in(folder)
        total = sum(self._new(part, known).height for part in parts())
        with progress.bar(f"scoring: {self.name}", total, "variants") as bar:
            done = 0
            for rows in self._batches(self._new(part, known) for part in parts()):
                log.info(
                    "%s: variants %d to %d of %d", self.name, done + 1, done + rows.height, total
                )
                scored = pl.DataFrame({"text": _texts(rows), "score": self._run(rows)}, _STORED)
                _store(scored, folder)
                done += rows.height
                bar.advance(rows.height)

    def loaded(self, folder: Path, parts: Parts) -> Check:
        """Return the check with the scores of a folder, if there are any."""
        return type(self)(self.settings, self.source, _stored_in(folder))

    def score(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return ``external_<name>``; the command is run for texts without a stored score.

        Raises:
            MlcDataError: the command fails, see `run_command`.
        """
        placed = rows.with_row_index("place")
        asked = self._asked(placed)
        texts = asked.select("place", text=_texts(asked))
        known = texts.join(self.stored, on="text").select("place", "score")
        new = self._new(placed, self.stored)
        parts = (part.select("place", score=self._run(part)) for part in self._batches([new]))
        scores = placed.select("place").join(
            pl.concat([known, *parts]), on="place", how="left", maintain_order="left"
        )
        return scores.select(pl.col("score").alias(self.name))

    def _asked(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return the rows that the command scores."""
        chosen = self.settings.languages
        return rows.filter(pl.col("language").is_in(chosen)) if chosen else rows

    def _new(self, rows: pl.DataFrame, stored: pl.DataFrame) -> pl.DataFrame:
        """Return the rows that the command scores and that have no stored score."""
        asked = self._asked(rows).drop("segments", strict=False)
        return asked.filter(~_texts(asked).is_in(stored["text"].implode()))

    def _batches(self, parts: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
        """Yield the rows, ``rows_at_once`` at a time."""
        held: list[pl.DataFrame] = []
        size = self.settings.rows_at_once
        for part in parts:
            held.append(part)
            while (waiting := sum(each.height for each in held)) >= size:
                rows = pl.concat(held)
                yield rows.head(size)
                held = [rows.tail(waiting - size)]
        if rest := [each for each in held if each.height]:
            yield pl.concat(rest)

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


def _store(scored: pl.DataFrame, folder: Path) -> None:
    """Write scores into a file whose name holds a hash of its texts, and one of its bytes."""
    written = io.BytesIO()
    scored.write_parquet(written)
    content = written.getvalue()
    texts = hash_value(scored["text"].to_list())[:_DIGITS]
    name = f"{texts}-{hashlib.sha256(content).hexdigest()[:_DIGITS]}.parquet"
    with atomic_file(folder / name) as file:
        file.write_bytes(content)


def _is_whole(file: Path) -> bool:
    """Return whether a file of scores is as it was written; earlier versions' names do not say."""
    _, sign, digest = file.stem.partition("-")
    if not sign or hash_file(file).startswith(digest):
        return True
    log.warning("%s was changed since it was written: its texts are scored again", file)
    return False


def _stored_in(folder: Path) -> pl.DataFrame:
    """Return the stored scores of a folder, none if there is no such folder."""
    files = filter(_is_whole, sorted(folder.glob("*.parquet")))
    tables = [pl.DataFrame(schema=_STORED), *map(read_parquet, files)]
    return pl.concat(tables).unique("text", keep="any")


def _texts(rows: pl.DataFrame) -> pl.Series:
    """Return a number (UInt64) for what a row's score depends on."""
    columns = ("source", "language", "text", "back_translation")
    digests = (
        hashlib.blake2b(repr(row).encode("utf-8", "surrogatepass"), digest_size=8).digest()
        for row in rows.select(columns).iter_rows()
    )
    return pl.Series("text", [int.from_bytes(each, "big") for each in digests], dtype=pl.UInt64)
