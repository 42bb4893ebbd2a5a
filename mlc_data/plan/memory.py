"""Estimates of peak memory and of disk space, each with its formula."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mlc_data.plan.inputs import Inputs
from mlc_data.plan.models import Model, Shape, is_fetched, named_parameters
from mlc_data.recipe.recipe import Recipe

GB = 1e9
_BYTES = {"float32": 4, "bfloat16": 2}
_MASTERS = 12  # gradient and both moments of AdamW, in float32, beside the weight
_ADAPTED = 7  # projections of a decoder layer that have adapters
_KEPT = 16  # activations of a layer that backward needs, in widths of the model
_CHECKPOINTED = 2
_VARIANT_BYTES = 1_500  # of one variant in all tables of a run, compressed
_DECODER_BYTES = 100_000  # keys and values of a token in all decoder layers, float16
_RUNTIME = {"cuda": 1.5 * GB, "cpu": 0.8 * GB}


@dataclass(frozen=True)
class Estimate:
    """Number of bytes, and the formula that it comes from."""

    bytes: float
    formula: str


def trainable(recipe: Recipe, shape: Shape) -> int:
    """Return the number of trained weights: all of them, or those of the adapters."""
    lora = recipe.align.lora
    if lora is None:
        return shape.parameters
    return 2 * lora.r * shape.width * _ADAPTED * shape.layers


def training_memory(recipe: Recipe, shape: Shape, device: str) -> Estimate:
    """Return the peak memory of one process of the training, with all texts at their greatest length."""
    settings = recipe.align
    processes = settings.processes if isinstance(settings.processes, int) else 1
    shards = processes if settings.sharding == "fsdp" else 1
    full = settings.lora is None
    stored = settings.quantised / 8 if settings.quantised else _BYTES[settings.dtype]
    if full:
        stored = _BYTES[settings.weights]
    trained = trainable(recipe, shape)
    optimiser = trained * (_MASTERS if full else _MASTERS + 4)
    texts = settings.batch_size * 2
    tokens = texts * settings.max_length
    number = _BYTES[settings.dtype]
    kept = _CHECKPOINTED if settings.gradient_checkpointing else _KEPT
    activations = tokens * shape.width * number * (shape.layers * kept + _KEPT)
    logits = tokens * shape.vocabulary * 4
    total = (
        (shape.parameters * stored + optimiser) / shards + activations + logits + _RUNTIME[device]
    )
    formula = (
        f"(weights {shape.parameters / 1e9:.3g}B x {stored:g} bytes + trained {trained / 1e9:.3g}B x "
        f"{_MASTERS if full else _MASTERS + 4} bytes) / {shards} + activations {texts} texts x "
        f"{settings.max_length} tokens x {shape.width} x {number} bytes x ({shape.layers} layers x {kept} + {_KEPT}) "
        f"+ logits {tokens} x {shape.vocabulary} x 4 bytes + runtime {_RUNTIME[device] / GB:g} GB; "
        f"shape: {shape.basis}"
    )
    return Estimate(total, formula)


def translation_memory(recipe: Recipe, models: Sequence[Model], device: str) -> Estimate | None:
    """Return the peak memory of translation; None where no engine is used or its size is unknown."""
    engines = [model for model in models if model.role.endswith("translator")]
    sizes = [model.bytes or _size(model) for model in engines]
    if not sizes or not all(sizes):
        return None
    settings = recipe.translate
    batches = max(1, settings.inter_threads) if isinstance(settings.inter_threads, int) else 1
    caches = batches * settings.batch_tokens * settings.beam_size * _DECODER_BYTES
    formula = (
        f"models {sum(sizes) / GB:.3g} GB + {batches} batches x {settings.batch_tokens} tokens x beam "
        f"{settings.beam_size} x {_DECODER_BYTES} bytes + runtime {_RUNTIME[device] / GB:g} GB"
    )
    return Estimate(sum(sizes) + caches + _RUNTIME[device], formula)


def disk(recipe: Recipe, inputs: Inputs, models: Sequence[Model], shape: Shape | None) -> Estimate:
    """Return the disk space of a run and of the models that it fetches."""
    settings = recipe.align
    variants = (inputs.translated or 0) * len(recipe.languages.targets)
    tables = variants * _VARIANT_BYTES
    fetched = sum(_size(model) for model in models if is_fetched(model))
    saved, steps = 0.0, 0.0
    if shape is not None:
        merged = settings.lora is None or settings.merge
        saved = (shape.parameters if merged else trainable(recipe, shape)) * _BYTES[settings.dtype]
        # The last saved step, and the next one while it is written.
        steps = 2 * trainable(recipe, shape) * _MASTERS
    formula = (
        f"tables {variants} variants x {_VARIANT_BYTES} bytes + models to fetch {fetched / GB:.3g} GB + "
        f"checkpoint {saved / GB:.3g} GB + two saved steps {steps / GB:.3g} GB"
    )
    if inputs.prompts is None:
        formula += "; without the tables: the number of prompts is unknown"
    return Estimate(tables + fetched + saved + steps, formula)


def _size(model: Model) -> float:
    """Return the expected size of a model on the Hub: two bytes a weight, one if its name says int8."""
    each = 1 if "int8" in model.location.lower() else 2
    return (named_parameters(model.location) or 0) * each
