"""Variant sets from verdicts: the completeness policy, the split, and the files."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, ClassVar

import polars as pl

from mlc_data.core.hashing import RowsHash
from mlc_data.core.in_step import InStep
from mlc_data.core.parquet import SplitFiles, read_parts
from mlc_data.core.records import KEYS, PROMPTS, SETS, VARIANTS, SetReason, Split, content_of_row
from mlc_data.core.wording import in_words
from mlc_data.errors import MlcDataError
from mlc_data.pipeline.run import Run
from mlc_data.pipeline.stage import Stage, StageResult
from mlc_data.pipeline.staging import Staging
from mlc_data.recipe.recipe import AtLeast, Sets
from mlc_data.translate.texts import Translated, other_texts, texts_key
from mlc_data.translated_pairs import PAIRS_FILE, translated_texts, write_pairs

log = logging.getLogger(__name__)

_ID_SPACE = 16**8

PROMPTS_AT_ONCE = 2_000
"""Prompts that are assembled together."""
VARIANTS_AT_ONCE = 20_000
"""Kept variants that are read together."""
_VARIANT: dict[str, pl.DataType] = {name: VARIANTS[name] for name in (*KEYS, "text")}


def required(policy: AtLeast | str, targets: int) -> int:
    """Return the number of kept variants, of ``targets`` languages, that a prompt needs for a variant set."""
    if isinstance(policy, AtLeast):
        return policy.at_least
    return targets if policy == "all" else 1


def split_of(prompt_id: str, test_share: float) -> Split:
    """Return the split of a prompt. Its id alone decides, so it does not change when data are added."""
    return Split.TEST if int(prompt_id[:8], 16) < test_share * _ID_SPACE else Split.TRAIN


def assemble(
    prompts: pl.DataFrame,
    variants: pl.DataFrame,
    settings: Sets,
    targets: tuple[str, ...],
    translated: Translated | None = None,
) -> tuple[pl.DataFrame, dict[str, int]]:
    """Return the variant sets of the prompts.

    Args:
        prompts: `records.PROMPTS`.
        variants: kept variants, with at least ``prompt_id``, ``language`` and ``text``.
        settings: the completeness policy.
        targets: FLORES-200 codes, in the order of the variants in a set.
        translated: turns before the prompts; a variant whose turns were not all kept is missing. None leaves all
            turns in the prompts' language.

    Returns:
        `records.SETS` without ``language``, in the order of ``prompts``, and the number of prompts
        dropped by `records.SetReason`. Sets and dropped prompts together are all the prompts.
    """
    texts: dict[str, dict[str, str]] = {}
    for prompt_id, language, text in variants.select("prompt_id", "language", "text").iter_rows():
        texts.setdefault(prompt_id, {})[language] = text
    needed = required(settings.completeness, len(targets))
    rows: list[dict[str, Any]] = []
    dropped: Counter[str] = Counter()
    for prompt in prompts.drop("row", "source_id").iter_rows(named=True):
        kept = texts.get(prompt["prompt_id"], {})
        before = _contexts(prompt["context"] or (), tuple(kept), translated)
        kept = {code: text for code, text in kept.items() if before[code] is not None}
        if len(kept) < needed:
            reason = SetReason.INCOMPLETE if kept else SetReason.NO_VARIANTS
            dropped[reason.value] += 1
            continue
        rows.append(
            {
                **prompt,
                "variants": [
                    {"language": code, "text": kept[code]} for code in targets if code in kept
                ],
                "missing": [code for code in targets if code not in kept],
                "variant_contexts": [
                    {"language": code, "context": before[code]}
                    for code in targets
                    if code in kept and prompt["context"]
                ],
            }
        )
    schema = {name: kind for name, kind in SETS.items() if name != "language"}
    return pl.DataFrame(rows, schema=schema), dict(sorted(dropped.items()))


def _contexts(
    context: Sequence[Mapping[str, str]], languages: Sequence[str], translated: Translated | None
) -> dict[str, Sequence[Mapping[str, str]] | None]:
    """Return the turns before a prompt in each language, None where one of them has no translation."""
    if not context or translated is None:
        return dict.fromkeys(languages, context)
    return {code: translated.context(context, code) for code in languages}


class VariantSetsStage(Stage):
    """Build variant sets by the completeness policy and split them.

    Raises:
        UsageError: the checks have not been run yet.
        MlcDataError: the kept variants are not those of the run's prompts.
    """

    name = "sets"
    command = "sets"
    help = "Build variant sets from the variants that were kept."
    reads = ("prompts.parquet", "variants/variants.parquet")
    writes: ClassVar = {"sets": "variant sets", PAIRS_FILE: "preference pairs in all languages"}
    content: ClassVar = {"sets": "sets"}
    counts = ("sets",)
    version: ClassVar[int] = 2

    def key(self, run: Run) -> dict[str, Any]:
        """See `Stage.key`."""
        return {
            "prompts": run.content_hash("prompts"),
            "variants": run.content_hash("variants"),
            "sets": run.recipe.sets.model_dump(mode="json"),
            "languages": run.recipe.languages.model_dump(mode="json"),
            **texts_key(run),
        }

    def work(self, run: Run, staging: Staging) -> StageResult:
        """See `Stage.work`."""
        recipe = run.recipe
        targets, settings = recipe.languages.targets, recipe.sets
        content, dropped, complete = RowsHash(), Counter[str](), 0
        translated = translated_texts(run)
        folder = staging.path("sets", "part").parent
        with ExitStack() as stack:
            files = {
                split: stack.enter_context(
                    SplitFiles(folder, split, settings.shard_rows, SETS, keep_empty=True)
                )
                for split in Split
            }
            for prompts, variants in _in_slices(run):
                sets, reasons = assemble(prompts, variants, settings, targets, translated)
                sets = sets.with_columns(language=pl.lit(recipe.languages.source))
                sets = sets.select(list(SETS))
                for row in sets.iter_rows(named=True):
                    content.add_row(content_of_row(row))
                dropped.update(reasons)
                complete += int((sets["missing"].list.len() == 0).sum())
                parts = pl.Series(
                    [split_of(prompt_id, settings.test_share) for prompt_id in sets["prompt_id"]],
                    dtype=pl.String,
                )
                for split, writer in files.items():
                    writer.write(sets.filter(parts == split))
        sizes = {split.value: writer.rows for split, writer in files.items()}
        kept, counted = sum(sizes.values()), dict(sorted(dropped.items()))
        log.info("sets: %d kept (%s), dropped %s", kept, in_words(sizes), in_words(counted))
        without = dropped.get(SetReason.NO_VARIANTS, 0)
        if without > _MANY * (kept + sum(counted.values())):
            log.warning(
                "sets: %d prompts are left without any variant: %s", without, _why_none(run)
            )
        return StageResult(
            counts={"sets": {"kept": kept, "dropped": counted}},
            content_hash={"sets": content.hexdigest()},
            notes={
                "splits": sizes,
                "complete": complete,
                **write_pairs(run, translated, staging.path(PAIRS_FILE)),
            },
        )


_MANY = 0.3
"""Share of prompts without variants above which the log warns."""


def _why_none(run: Run) -> str:
    """Return what to do about prompts without variants."""
    known = run.recipe.translate.model or ""
    if known == "package://mlc_data/quickstart/model":
        return (
            "the quickstart's translator knows a phrasebook of 80 phrases and nothing else. For prompts of your "
            "own take a recipe with a real translator, such as recommended-qwen2.5-7b"
        )
    return f"`mlc-data show {run.folder} --rejected` shows them with their reasons"


def _in_slices(run: Run) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """Yield the prompts in slices, each with their kept variants. Both tables are in the order of the prompts,
    so that neither is in memory as a whole.

    Raises:
        MlcDataError: the variants are in another order, or of other prompts.
    """
    path = run.path("variants", "variants.parquet")
    batches = read_parts(path, _VARIANT, VARIANTS_AT_ONCE)
    kept = InStep(batches, pl.DataFrame(schema=_VARIANT))
    for prompts in read_parts(run.path("prompts.parquet"), PROMPTS, PROMPTS_AT_ONCE):
        yield prompts, kept.of(prompts["prompt_id"])
    others = other_texts(run)["prompt_id"]
    rest = kept.rest()
    if any(not part["prompt_id"].is_in(others.implode()).all() for part in rest):
        raise MlcDataError(
            f"{path} has variants of prompts that prompts.parquet does not have, or has them in another order: "
            "run `mlc-data check RUN --force`"
        )
