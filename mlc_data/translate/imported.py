"""Translations of a file (``translate.import``) as those of a run's prompts.

Rows are matched to prompts by their text, as `core.hashing.prompt_id` compares it, or by an id. Every
requested variant gets the file's text or fails with a reason; every row of the file that gives none is
listed with a reason.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from mlc_data.core.hashing import prompt_id
from mlc_data.core.manifest import ModelRecord
from mlc_data.core.records import (
    IMPORTED,
    REJECTED_TRANSLATIONS,
    TRANSLATIONS,
    FailureReason,
    ImportReason,
)
from mlc_data.errors import SourceError
from mlc_data.recipe.recipe import Recipe, Source, Translate
from mlc_data.sources.readers import open_source
from mlc_data.sources.variants import VariantFile, checkable, read_variants
from mlc_data.translate.cached import CachedTranslator
from mlc_data.translate.engines.base import Request, Translator
from mlc_data.translate.sentences import split

log = logging.getLogger(__name__)

KEY = "translate.import"
NAME = "import"
"""Id of the translator in the manifest and in lineage."""

NAMED_ROWS = 5
"""Rejected rows named in the log; all of them are in the run's folder."""


@dataclass(frozen=True)
class Matched:
    """A file's variants, matched to prompts.

    Attributes:
        variants: `records.IMPORTED`: at most one for each prompt and language.
        rejected: `records.REJECTED_TRANSLATIONS`: the other rows.
    """

    variants: pl.DataFrame
    rejected: pl.DataFrame

    @property
    def reasons(self) -> dict[str, int]:
        """Number of rejected rows by reason."""
        return dict(sorted(Counter(self.rejected["reason"].to_list()).items()))


def read_import(recipe: Recipe) -> VariantFile:
    """Return the variants of the recipe's file.

    Raises:
        SourceError: it cannot be used.
    """
    assert recipe.translate.imported is not None
    return read_variants(recipe.translate.imported, recipe.languages.source, KEY)


def import_identity(recipe: Recipe) -> Mapping[str, Any]:
    """Return the content hash of the recipe's file, without reading its rows.

    Raises:
        SourceError: there is no such file.
    """
    assert recipe.translate.imported is not None
    return open_source(Source(path=recipe.translate.imported.path), KEY).identity


def import_record(settings: Translate, file: VariantFile, back: Translator | None) -> ModelRecord:
    """Return the manifest's record of the import, and of the engine that translates it back.

    The licence is that of the import alone: back-translations only judge, and are not published.
    """
    records = [(NAME, f"{NAME}:{file.identity['file']}")]
    records += [(back.id, back.revision)] if back else []
    names, revisions = zip(*records, strict=True)
    return ModelRecord(
        id=" + ".join(names),
        revision=" + ".join(revisions),
        licence=settings.licence or "unknown",
    )


def match(file: VariantFile, prompts: pl.DataFrame, targets: tuple[str, ...]) -> Matched:
    """Return the file's variants by prompt and language, and the rows that belong to none.

    Of several variants of a prompt in one language the first is taken.

    Args:
        file: the file.
        prompts: `records.PROMPTS`.
        targets: languages of the run.

    Raises:
        SourceError: no row belongs to a prompt: it is the wrong file.
    """
    rows = _with_prompts(file.rows, prompts)
    other = pl.col("prompt_id") != pl.col("by_text")
    # Without a language or a prompt, why the row cannot be used is all that is known.
    nameless = pl.col("language").is_null() | (pl.col("source").is_null() & pl.col("id").is_null())
    fault = (
        pl.when(nameless | (pl.col("failure") == ImportReason.SOURCE_LANGUAGE))
        .then("failure")
        .when(~pl.col("language").is_in(targets))
        .then(pl.lit(str(ImportReason.NOT_A_TARGET)))
        .when(pl.col("ambiguous") & pl.col("source").is_null())
        .then(pl.lit(str(ImportReason.AMBIGUOUS_ID)))
        .when(pl.col("prompt_id").is_null())
        .then(pl.lit(str(ImportReason.UNKNOWN_PROMPT)))
        .when(other)
        .then(pl.lit(str(ImportReason.OTHER_PROMPT)))
    )
    rows = rows.with_columns(reason=fault)
    # A usable text goes before a blank cell of the same variant.
    order = rows.filter(pl.col("reason").is_null()).sort(pl.col("failure").is_not_null(), "place")
    taken = order.unique(["prompt_id", "language"], keep="first", maintain_order=True)
    again = order.join(taken, on=["place"], how="anti").with_columns(
        reason=pl.coalesce("failure", pl.lit(str(ImportReason.REPEATED)))
    )
    unused = pl.concat([rows.filter(pl.col("reason").is_not_null()), again]).sort("place")
    if taken.is_empty():
        raise SourceError(
            f"{KEY}: no row of {file.name} belongs to a prompt of the run and a language of "
            f"languages.targets: {dict(Counter(unused['reason'].to_list()))}"
        )
    rejected = unused.select(
        "row", "language", "reason", "detail", pl.col("source").alias("prompt"), "text"
    )
    taken = taken.sort("place")
    return Matched(taken.select(list(IMPORTED)), rejected.select(list(REJECTED_TRANSLATIONS)))


def _with_prompts(rows: pl.DataFrame, prompts: pl.DataFrame) -> pl.DataFrame:
    """Return the rows with ``place``, the id of their prompt (``prompt_id``, null where there is none), that of the
    prompt with their text (``by_text``, null without a text), and whether several prompts have the row's id
    (``ambiguous``)."""
    texts = rows["source"].drop_nulls().unique()
    by_text = pl.DataFrame(
        {"source": texts, "by_text": [prompt_id(text) for text in texts]},
        schema={"source": pl.String, "by_text": pl.String},
    )
    names = pl.concat(
        [
            prompts.select("prompt_id", id="source_id").drop_nulls("id"),
            prompts.select("prompt_id", id="prompt_id"),
        ]
    ).unique(["id", "prompt_id"])
    several = pl.col("prompt_id").len() > 1
    names = names.group_by("id").agg(pl.col("prompt_id").first(), ambiguous=several)
    known = prompts.select(by_text="prompt_id", text_id="prompt_id")
    return (
        rows.with_row_index("place")
        .join(by_text, on="source", how="left", maintain_order="left")
        .join(names, on="id", how="left", maintain_order="left")
        .join(known, on="by_text", how="left", maintain_order="left")
        .with_columns(pl.col("ambiguous").fill_null(value=False))
        # A row that has an id is matched by it alone, but for one that several prompts have.
        .with_columns(
            prompt_id=pl.when(pl.col("id").is_null() | pl.col("ambiguous"))
            .then("text_id")
            .otherwise("prompt_id")
        )
    )


def requested(
    prompts: pl.DataFrame, variants: pl.DataFrame, targets: tuple[str, ...]
) -> pl.DataFrame:
    """Return `records.TRANSLATIONS` of all requested variants of some prompts.

    Args:
        prompts: `records.PROMPTS`.
        variants: `Matched.variants`.
        targets: languages of the run.
    """
    languages = pl.DataFrame({"language": targets}, schema={"language": pl.String})
    wanted = prompts.select("prompt_id", source="prompt").join(
        languages, how="cross", maintain_order="left_right"
    )
    rows = wanted.join(
        variants, on=["prompt_id", "language"], how="left", maintain_order="left", validate="m:1"
    )
    missing = pl.col("text").is_null() & pl.col("failure").is_null()
    rows = rows.with_columns(
        failure=pl.when(missing)
        .then(pl.lit(str(FailureReason.NO_VARIANT)))
        .otherwise(pl.col("failure"))
    )
    return checkable(rows).select(list(TRANSLATIONS))


def translate_back(
    rows: pl.DataFrame, translator: CachedTranslator, source: str
) -> tuple[pl.DataFrame, Counter[str]]:
    """Return `records.TRANSLATIONS` with the back-translations that are missing, and figures.

    Args:
        rows: `requested`.
        translator: the engine and its cache.
        source: language of the prompts.
    """
    without = pl.col("text").is_not_null() & pl.col("back_translation").is_null()
    texts = rows.filter(without).select("text", "language").unique(maintain_order=True)
    splits = {pair: split(*pair) for pair in texts.iter_rows()}
    requests = [
        Request(sentence, language, source)
        for (_, language), segments in splits.items()
        for sentence in segments.sentences
    ]
    answers = translator.translate(requests)
    backs = []
    for (text, language), segments in splits.items():
        found = [
            answers.hypotheses[Request(one, language, source)].text for one in segments.sentences
        ]
        whole = [one for one in found if one is not None]
        joined = segments.join(whole, source) if len(whole) == len(found) else None
        backs.append((text, language, joined))
    made = pl.DataFrame(
        backs, schema={"text": pl.String, "language": pl.String, "made": pl.String}, orient="row"
    )
    rows = rows.join(made, on=["text", "language"], how="left", maintain_order="left")
    rows = rows.with_columns(back_translation=pl.coalesce("back_translation", "made"))
    figures = Counter(
        sentences=len(answers.hypotheses),
        from_cache=len(answers.known),
        translated=answers.translated,
    )
    return checkable(rows).select(list(TRANSLATIONS)), figures


def report(matched: Matched, file: VariantFile) -> None:
    """Log how many rows were used, and name the first of the others."""
    for row in matched.rejected.head(NAMED_ROWS).iter_rows(named=True):
        log.warning(
            "%s: row %d, %s: not used (%s)",
            file.name, row["row"], row["language"] or "no language", row["reason"],
        )  # fmt: skip
    log.info(
        "translate: %d variants of %s belong to prompts, %d rejected %s",
        matched.variants.height, file.name, matched.rejected.height, matched.reasons or "",
    )  # fmt: skip
