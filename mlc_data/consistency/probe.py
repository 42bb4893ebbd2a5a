"""Choice of the layer that the consistency loss reads: every layer is measured on held-out variant sets.

Where variants are nearest to their own prompt, the layer represents what a text means, whatever its
language. Layers may be collinear before any training, because a few huge directions dominate: there the
loss is at its floor and teaches nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
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
    if len(rows) < MIN_SETS:
        raise UsageError(
            f"{run.folder} has {len(rows)} held-out variant sets, and layers are compared on at least "
            f"{MIN_SETS}: raise sets.test_share, or name align.loss.layer"
        )
    languages = (recipe.languages.source, *recipe.languages.targets)
    settings = recipe.align
    states, present = encode_layers(
        model, tokenizer, rows, languages, settings, batch_size=recipe.evaluate.batch_size
    )
    loss = plain_loss(settings.loss)
    usable = present[:, 0] & (present.sum(dim=1) >= MIN_SETS)  # as in `measure`
    floor, ceiling = bounds(present[usable], settings.loss.temperature, settings.loss.form)
    measured = []
    for number, each in enumerate(states, start=1):
        whole, _ = measure(each, present, languages, loss)
        values = {"layer": number, "floor": floor, "ceiling": ceiling, **asdict(whole)}
        measured.append(Layer(**{field.name: values[field.name] for field in fields(Layer)}))
    return measured


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
