"""Translation: what is cached, and the engine's speed on some of the user's own prompts."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from mlc_data.core.paths import is_hub_id
from mlc_data.errors import MlcDataError, first_line
from mlc_data.plan.inputs import Inputs
from mlc_data.plan.models import is_here
from mlc_data.plan.rates import Rates
from mlc_data.recipe.endpoints import PREFIX
from mlc_data.recipe.recipe import Recipe
from mlc_data.translate.cache.store import read_cache
from mlc_data.translate.engines.base import Hypothesis, Request, Translator
from mlc_data.translate.engines.ctranslate2 import Ct2Translator
from mlc_data.translate.rows import ShardMaker
from mlc_data.translate.stage import load_for_languages

LOOK_UPS = 200_000
"""Most requests that are looked up in the cache; of more, this many are taken evenly."""


class Silent:
    """A progress bar that shows nothing."""

    def advance(self, steps: int = 1) -> None:
        """Show nothing."""


@dataclass(frozen=True)
class Speed:
    """Speed of the engine on a sample.

    Attributes:
        prompts: number of prompts.
        requests: distinct requests that were translated, both ways.
        tokens: their source and target tokens; None where the engine does not show its tokens.
        seconds: time of these, the loading of the weights apart.
        loading: time of loading the weights and of one sentence.
        device: device and numeric type.
        rows: `records.TRANSLATIONS`.
    """

    prompts: int
    requests: int
    tokens: int | None
    seconds: float
    loading: float
    device: str
    rows: pl.DataFrame


@dataclass(frozen=True)
class Translation:
    """Work of the engine.

    Attributes:
        sentences: sentences of all variants, there and, with a round trip, back; repeated ones included.
        requests: distinct requests, of which those back are at most as many as there.
        cached: requests that the cache answers.
        tokens: source and target tokens of the requests.
        seconds: time for the requests that the cache does not answer.
        basis: where the time comes from.
        note: why the engine was not used, if it was not.
        exact: True if ``sentences`` was counted.
        whole: time for all requests, if none were cached.
        sample: rows of the sample, where one was translated.
    """

    sentences: int | None
    requests: int | None
    cached: int | None
    tokens: int | None
    seconds: float | None
    basis: str
    note: str = ""
    exact: bool = False
    whole: float | None = None
    sample: pl.DataFrame | None = None


def engine(recipe: Recipe) -> tuple[Translator | None, str]:
    """Return the recipe's engine if it is on this machine, else None and why not."""
    settings = recipe.translate
    if not settings.has_engine:
        return None, "the translations are imported"
    names = [
        location.partition("@")[0] for location in (*settings.locations, settings.tokenizer or "")
    ]
    absent = [name for name in names if is_hub_id(name) and not is_here(name)]
    if absent:
        return None, f"not measured: {', '.join(absent)} not on this machine"
    try:
        return load_for_languages(recipe, settings), ""
    except MlcDataError as error:
        return None, f"not measured: {first_line(error)}"


def plan_translation(recipe: Recipe, inputs: Inputs, rates: Rates, sample: int) -> Translation:
    """Return the work of the engine, measured on ``sample`` prompts if there is an engine and a prompt.

    Args:
        recipe: the recipe.
        inputs: its prompts.
        rates: stated rates.
        sample: largest number of prompts that are translated for the measurement; 0 measures nothing.

    Raises:
        MlcDataError: the translation cache cannot be used.
    """
    if recipe.translate.imported is not None:
        return Translation(None, 0, 0, 0, 0.0, "the translations are imported", exact=inputs.exact)
    translator, missing = engine(recipe)
    ways, targets = 2 if recipe.translate.round_trip else 1, recipe.languages.targets
    count = inputs.sentence_count(rates)
    if count is None:
        return Translation(
            None, None, None, None, None, "unknown: the number of prompts is", missing
        )
    sentences = round(count * len(targets) * ways)
    forth = _distinct(inputs, recipe)
    requests = len(forth) * ways if inputs.exact else sentences
    cached = _cached(recipe, translator, forth) if translator and inputs.exact else 0
    if asked := [name for name in recipe.translate.engines if name.startswith(PREFIX)]:
        missing = missing or f"not measured: texts would be sent to {', '.join(asked)}"
    if translator is not None and inputs.exact and sample > 0 and not asked:
        speed = measure(recipe, translator, inputs, sample)
        each = speed.seconds / max(speed.requests, 1)
        left = requests - cached
        return Translation(
            sentences, requests, cached,
            None if speed.tokens is None else round(requests * speed.tokens / max(speed.requests, 1)),
            left * each + (speed.loading if left else 0.0),
            f"measured on {speed.prompts} prompts, {speed.device}",
            exact=True, whole=requests * each + speed.loading, sample=speed.rows,
        )  # fmt: skip
    tokens = requests * rates.tokens_per_sentence * (1 + rates.fertility)
    missing_tokens = tokens * (1 - cached / requests) if requests else 0.0
    return Translation(
        sentences, requests, cached, round(tokens),
        missing_tokens / rates.translation_tokens_per_second,
        f"stated: {rates.translation_tokens_per_second:g} tokens/s", missing, exact=inputs.exact,
        whole=tokens / rates.translation_tokens_per_second,
    )  # fmt: skip


def _distinct(inputs: Inputs, recipe: Recipe) -> list[Request]:
    source = recipe.languages.source
    size = recipe.translate.shard_prompts
    # A shard translates each request once; without a cache the next shard does so again.
    seen: dict[Request, None] = {}
    repeated: list[Request] = []
    sentences = (*inputs.sentences, *inputs.others)
    for start in range(0, len(sentences), size):
        shard = dict.fromkeys(
            Request(sentence, source, target)
            for text in sentences[start : start + size]
            for sentence in text
            for target in recipe.languages.targets
        )
        if recipe.translate.cache is None:
            repeated += [request for request in shard if request in seen]
        seen |= shard
    return [*seen, *repeated]


def _cached(recipe: Recipe, translator: Translator, forth: Sequence[Request]) -> int:
    """Return how many requests the cache answers, there and back."""
    step = max(1, -(-len(forth) // LOOK_UPS))
    sample = forth[::step]
    with read_cache(recipe.translate.cache, translator) as cache:
        if cache is None:
            return 0
        there = cache.get(sample)
        found = len(there)
        if recipe.translate.round_trip:
            found += len(cache.get(_back(there)))
    return min(found * step, len(forth) * 2)


def _back(there: dict[Request, Hypothesis]) -> list[Request]:
    return [
        Request(hypothesis.text, request.target, request.source)
        for request, hypothesis in there.items()
        if hypothesis.text is not None
    ]


def measure(recipe: Recipe, translator: Translator, inputs: Inputs, number: int) -> Speed:
    """Translate up to ``number`` prompts into every target language, and back if the recipe does.

    The prompts are evenly spaced over all of them. The cache is neither read nor written.
    """
    source, targets = recipe.languages.source, recipe.languages.targets
    step = -(-len(inputs.texts) // number)
    chosen = {"prompt_id": inputs.ids[::step], "prompt": inputs.texts[::step]}
    maker = ShardMaker(
        translator, None, source, targets, recipe.translate.round_trip, recipe.translate.mask
    )
    bar = Silent()
    first = next((text for prompt in inputs.sentences for text in prompt), "")
    started = time.perf_counter()
    translator.translate([Request(first, source, targets[0])])
    loaded = time.perf_counter()
    rows, figures = maker.rows(pl.DataFrame(chosen, schema=dict.fromkeys(chosen, pl.String)), bar)
    seconds = time.perf_counter() - loaded
    return Speed(
        prompts=len(chosen["prompt"]),
        requests=figures["sentences"],
        tokens=_tokens(translator, rows, source),
        seconds=seconds,
        loading=loaded - started,
        device=_device(translator),
        rows=rows,
    )


def _tokens(translator: Translator, rows: pl.DataFrame, source: str) -> int | None:
    """Return the source and target tokens both ways; None where some engine does not show its tokens."""
    total = 0
    for language, segments in rows.select("language", "segments").iter_rows():
        for segment in segments:
            for text, one, other in (
                (segment["source"], source, language),
                (segment["text"], language, source),
            ):
                part = translator.part(one, other) if text is not None else None
                if part is not None and not isinstance(part, Ct2Translator):
                    return None
                # A sentence is read and written once there, and once back.
                total += 2 * len(part.source_tokens(text, one, other)) if part else 0
    return total


def _device(translator: Translator) -> str:
    if isinstance(translator, Ct2Translator):
        return f"{translator.device} ({translator.compute_type})"
    return "this machine"
