"""Prompts and pairs of a recipe, read without writing them, and the sentences that the engine would be given."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import polars as pl

from mlc_data.core.parquet import scan_parquet
from mlc_data.core.records import PREFERENCES, PROMPTS, Preference, Prompt
from mlc_data.errors import ModelError
from mlc_data.language_id.base import LanguageIdentifier
from mlc_data.language_id.loading import load_identifier
from mlc_data.pipeline.run import Run
from mlc_data.plan.rates import Rates
from mlc_data.recipe.recipe import Recipe
from mlc_data.recipe.sources import Source
from mlc_data.sources.decontaminate import open_evaluations
from mlc_data.sources.preferences import read_preferences
from mlc_data.sources.prompts import Prompts, read_prompts
from mlc_data.sources.readers import open_source
from mlc_data.sources.rows import Wanted
from mlc_data.translate.sentences import split
from mlc_data.translate.texts import texts_besides, texts_of


@dataclass(frozen=True)
class Inputs:
    """Prompts and pairs.

    Attributes:
        prompts: number of prompts; None where it is unknown.
        pairs: number of pairs; None where it is unknown.
        texts: the English prompts, in order; empty where they are not on this machine.
        ids: their ids.
        sentences: English sentences of each prompt, as the engine gets them.
        others: those of each earlier turn and response that is translated too.
        pair_characters: mean characters of prompt, chosen and rejected response of a pair; None where unknown.
        basis: where the figures come from.
        seconds: time of reading; None where nothing was read.
    """

    prompts: int | None
    pairs: int | None
    texts: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    sentences: tuple[tuple[str, ...], ...] = ()
    others: tuple[tuple[str, ...], ...] = ()
    pair_characters: tuple[float, float, float] | None = None
    basis: str = "exact"
    seconds: float | None = None

    @property
    def exact(self) -> bool:
        """True if the prompts themselves are known."""
        return bool(self.texts)

    @property
    def translated(self) -> int | None:
        """Number of texts that are translated; of a source that is not on this machine, that of its prompts."""
        return None if self.prompts is None else self.prompts + len(self.others)

    def sentence_count(self, rates: Rates) -> float | None:
        """Return the number of English sentences; exact where the prompts are known, else by stated rates."""
        if self.exact:
            return sum(map(len, (*self.sentences, *self.others)))
        return None if self.prompts is None else self.prompts * rates.sentences_per_prompt


def read_inputs(run: Run, rates: Rates, *, sources_done: bool) -> Inputs:
    """Return the prompts and pairs of a run.

    Args:
        run: it need not exist.
        rates: stated numbers of prompts and pairs, for sources on the Hub.
        sources_done: True if the run's folder has the prompts of this recipe.

    Raises:
        SourceError: a source on this machine cannot be read.
    """
    started = time.perf_counter()
    if sources_done:
        return _of_folder(run)
    recipe = run.recipe
    source = recipe.sources.prompts
    pairs_source = recipe.sources.preferences
    if source.hub is not None:
        pairs = _stated(pairs_source or source, rates.pairs)
        own = _pairs(recipe, pairs_source) if pairs_source and not pairs_source.hub else None
        return Inputs(
            prompts=_stated(source, rates.prompts),
            pairs=len(own) if own is not None else pairs,
            pair_characters=_characters(own) if own else None,
            basis=_of_hub(source, rates),
        )
    read = _prompts(recipe)
    prompts = read.prompts.kept
    kept = _pairs(recipe, pairs_source) if pairs_source and not pairs_source.hub else None
    if pairs_source is None:
        kept = read.pairs.kept
    texts = [prompt.prompt for prompt in prompts]
    known = _table(kept or (), PREFERENCES) if recipe.translate.responses else None
    ids = {prompt.prompt_id for prompt in prompts}
    others = texts_besides(recipe, [_table(prompts, PROMPTS)["context"]], known, ids)
    return Inputs(
        prompts=len(texts),
        pairs=len(kept) if kept is not None else _stated(pairs_source or source, rates.pairs),
        texts=tuple(texts),
        ids=tuple(prompt.prompt_id for prompt in prompts),
        sentences=_split(texts, recipe),
        others=_split(others["prompt"].to_list(), recipe),
        pair_characters=_characters(kept) if kept else None,
        basis="exact: the source was read",
        seconds=time.perf_counter() - started,
    )


def _of_folder(run: Run) -> Inputs:
    every = texts_of(run)
    prompts = every.slice(0, every.prompts)
    columns = [pl.col(name).str.len_chars().mean() for name in ("prompt", "chosen", "rejected")]
    pairs = scan_parquet(run.path("preferences.parquet"))
    prompt, chosen, rejected = pairs.select(columns).collect().row(0)
    texts = prompts["prompt"].to_list()
    return Inputs(
        prompts=len(texts),
        pairs=pairs.select(pl.len()).collect().item(),
        texts=tuple(texts),
        ids=tuple(prompts["prompt_id"]),
        sentences=_split(texts, run.recipe),
        others=_split(every.others["prompt"].to_list(), run.recipe),
        pair_characters=None if prompt is None else (prompt, chosen, rejected),
        basis="exact: the run has read the source",
    )


def _table(
    records: Sequence[Prompt] | Sequence[Preference], schema: dict[str, pl.DataType]
) -> pl.DataFrame:
    wanted = ("prompt_id", "prompt", "chosen", "rejected", "context")
    rows = [
        {
            name: [asdict(turn) for turn in record.context]
            if name == "context"
            else getattr(record, name)
            for name in wanted
        }
        for record in records
    ]
    return pl.DataFrame(rows, schema={name: schema[name] for name in wanted})


def _split(texts: Sequence[str], recipe: Recipe) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(split(text, recipe.languages.source).plain) for text in texts)


def _identifier(recipe: Recipe) -> LanguageIdentifier | None:
    locations = recipe.checks.language_identifiers
    if not locations:
        return None
    try:
        return load_identifier(locations[0])
    except (
        ModelError
    ):  # the list of models names it; until it is there every language counts as English
        return None


def _prompts(recipe: Recipe) -> Prompts:
    sources, language = recipe.sources, recipe.languages.source
    opened = open_source(
        sources.prompts,
        "sources.prompts",
        Wanted.of(sources.prompts.columns, sources.prompts.where),
    )
    evaluations = tuple(open_evaluations(sources, language))
    return read_prompts(opened, sources, language, _identifier(recipe), evaluations)


def _pairs(recipe: Recipe, source: Source) -> Sequence[Preference]:
    sources, language = recipe.sources, recipe.languages.source
    opened = open_source(source, "sources.preferences", Wanted.of(source.columns, source.where))
    evaluations = tuple(open_evaluations(sources, language))
    return read_preferences(opened, source, sources.max_characters, language, evaluations).kept


def _characters(pairs: Sequence[Preference]) -> tuple[float, float, float]:
    totals = [sum(len(pair.prompt) for pair in pairs), sum(len(pair.chosen) for pair in pairs),
              sum(len(pair.rejected) for pair in pairs)]  # fmt: skip
    prompt, chosen, rejected = (total / len(pairs) for total in totals)
    return prompt, chosen, rejected


def _stated(source: Source, number: int | None) -> int | None:
    """Return the stated number of rows of a Hub dataset, which its limit bounds."""
    known = [each for each in (number, source.limit) if each is not None]
    return min(known) if known else None


def _of_hub(source: Source, rates: Rates) -> str:
    if rates.prompts is not None:
        return f"stated: {source.hub} is on the Hub, --rates prompts"
    if source.limit is not None:
        return f"at most: the recipe's limit; {source.hub} is on the Hub"
    return (
        f"unknown: {source.hub} is on the Hub and has no limit; --rates prompts=N states a number"
    )
