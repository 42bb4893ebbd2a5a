"""Choice of the layer that the consistency loss reads: every layer is measured on held-out variant sets.

Where variants are nearest to their own prompt, the layer represents what a text means, whatever its
language. Layers may be collinear before any training, because a few huge directions dominate: there the
loss is at its floor and teaches nothing.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from mlc_data.consistency.encode import encode_layers, plain_loss
from mlc_data.consistency.loss import at_floor, bounds
from mlc_data.consistency.measures import measure
from mlc_data.consistency.sets import MIN_SETS, held_out
from mlc_data.errors import UsageError
from mlc_data.lm.chat_template import Chat
from mlc_data.lm.loading import default_device, load_on_device, quiet
from mlc_data.pipeline.run import Run
from mlc_data.recipe.align import Align

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Layer:
    """A layer's measures; see `mlc_data.consistency.measures.Measures`.

    ``floor`` is the loss of the same sets if each were collinear, ``ceiling`` if its languages were
    orthogonal.
    """

    layer: int
    retrieval: float
    retrieval_centred: float
    loss: float
    floor: float
    ceiling: float
    first_share: float
    within_cosine: float
    between_cosine: float

    @property
    def at_floor(self) -> bool:
        """True if the loss is at its floor before any training."""
        return at_floor(self.loss, self.floor, self.ceiling)


def probe(run: Run, model: Any, tokenizer: Any) -> list[Layer]:
    """Return the measures of all layers of a model, from the first to the last.

    Args:
        run: has ``sets/`` with at least two held-out sets.
        model: a causal language model.
        tokenizer: its tokenizer.

    Raises:
        UsageError: there are too few held-out sets.
        ModelError: the model's architecture is not understood.
    """
    recipe = run.recipe
    rows = held_out(run).head(recipe.evaluate.max_sets).to_dicts()
    languages = (recipe.languages.source, *recipe.languages.targets)
    if len(rows) < MIN_SETS:
        raise UsageError(
            f"{run.folder} has {len(rows)} held-out variant sets, and layers are compared on at least "
            f"{MIN_SETS}: raise sets.test_share, or name align.loss.layer"
        )
    return measure_layers(
        model, tokenizer, rows, languages, recipe.align, batch_size=recipe.evaluate.batch_size
    )


def measure_layers(
    model: Any,
    tokenizer: Any,
    rows: Sequence[Mapping[str, Any]],
    languages: Sequence[str],
    settings: Align,
    *,
    batch_size: int = 16,
) -> list[Layer]:
    """Return the measures of all layers of a model on variant sets, from the first layer to the last.

    Args:
        model: a causal language model.
        tokenizer: its tokenizer.
        rows: rows of `records.SETS`, at least two.
        languages: FLORES-200 codes, the prompts' own first.
        settings: loss and largest length.
        batch_size: texts per forward pass.

    Raises:
        ModelError: the model's architecture is not understood.
        UsageError: fewer than two sets have two languages that fit.
    """
    states, present = encode_layers(
        model, tokenizer, rows, languages, settings, batch_size=batch_size
    )
    loss = plain_loss(settings.loss)
    usable = present[:, 0] & (present.sum(dim=1) >= MIN_SETS)  # as in `measure`
    if int(usable.sum()) < MIN_SETS:
        raise UsageError(
            f"only {int(usable.sum())} of {len(rows)} variant sets have two languages with texts of at most "
            f"{settings.max_length} tokens, and layers are compared on at least {MIN_SETS}"
        )
    floor, ceiling = bounds(present[usable], settings.loss.temperature, settings.loss.form)
    measured = []
    for number, each in enumerate(states, start=1):
        whole, _ = measure(each, present, languages, loss)
        values = {"layer": number, "floor": floor, "ceiling": ceiling, **asdict(whole)}
        measured.append(Layer(**{field.name: values[field.name] for field in fields(Layer)}))
    return measured


def probe_sets(rows: Sequence[Mapping[str, Any]], settings: Align) -> list[Layer]:
    """Return `measure_layers` of the model that ``settings`` name, on variant sets without a run.

    Args:
        rows: rows of `records.SETS`; their languages are read, with the prompts' own first.
        settings: model, loss and largest length.

    Raises:
        ModelError: the model cannot be loaded, or its architecture is not understood.
        UsageError: there are fewer than two sets with two languages.
    """
    if len(rows) < MIN_SETS:
        raise UsageError(
            f"there are {len(rows)} variant sets with two languages, and layers are compared on at least "
            f"{MIN_SETS}"
        )
    (source, _), *_ = Counter(row["language"] for row in rows).most_common(1)
    others = {variant["language"] for row in rows for variant in row["variants"]} - {source}
    model, tokenizer = load_on_device(
        settings.model, settings.revision, settings.dtype, Chat.of(settings)
    )
    with quiet():
        return measure_layers(model, tokenizer, rows, (source, *sorted(others)), settings)


def probe_base(run: Run) -> list[Layer]:
    """Return `probe` of the model that the recipe aligns, before training.

    Raises:
        ModelError: it cannot be loaded.
        UsageError: see `probe`.
    """
    settings = run.recipe.align
    held_out(run)  # fail before a model is loaded
    model, tokenizer = load_on_device(
        settings.model, settings.revision, settings.dtype, Chat.of(settings)
    )
    with quiet():
        return probe(run, model, tokenizer)


def best(layers: Sequence[Layer]) -> Layer:
    """Return the layer where most variants are nearest to their own prompt. Ties go to the layer where more
    are so after each language's mean is removed, then to the lowest, which is the cheapest to read.

    Layers whose loss is at its floor are skipped, unless all are.
    """
    able = [each for each in layers if not each.at_floor] or layers
    return max(able, key=lambda each: (each.retrieval, each.retrieval_centred, -each.layer))


def choose_layer(run: Run, model: Any, tokenizer: Any) -> tuple[int, list[dict[str, Any]]]:
    """Return the layer that `best` chooses for ``align.loss.layer: auto``, and the figures of all layers.

    Raises:
        UsageError: see `probe`.
    """
    layers = probe(run, model.to(default_device()), tokenizer)
    chosen = best(layers)
    log.info(
        "align: layer %d of %d is read: there %.1f %% of held-out variants are nearest to their own "
        "prompt", chosen.layer, len(layers), 100 * chosen.retrieval,
    )  # fmt: skip
    return chosen.layer, [asdict(each) for each in layers]
