"""Work of training and evaluation in tokens and floating point operations, from the recipe's settings."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from mlc_data.core.records import Split
from mlc_data.evaluate.safety.suites import suites
from mlc_data.plan.inputs import Inputs
from mlc_data.plan.models import Shape
from mlc_data.plan.rates import Rates
from mlc_data.recipe.recipe import Recipe
from mlc_data.variant_sets import split_of

_RESPONSES = {"sft": 1, "kto": 2, "dpo": 2, "orpo": 2, "simpo": 2}
_WITH_REFERENCE = ("dpo", "kto")
_GUARD_TOKENS = 400  # instruction, prompt and reply, as a guard model reads them
_LAYER_SHARE = 0.6  # where `layer: auto` usually ends


@dataclass(frozen=True)
class Texts:
    """Mean tokens of a prompt with its template, of a variant in another language, and of a pair."""

    prompt: float
    variant: float
    pair: float

    @classmethod
    def of(cls, inputs: Inputs, recipe: Recipe, rates: Rates) -> Texts:
        """Return the means: by characters where the texts are known, else by stated rates."""
        if inputs.texts:
            bare = sum(map(len, inputs.texts)) / len(inputs.texts) / rates.characters_per_token
        else:
            bare = rates.sentences_per_prompt * rates.tokens_per_sentence
        prompt = bare + rates.template_tokens
        number = _RESPONSES[recipe.align.method]
        if inputs.pair_characters is not None:
            own, chosen, rejected = (
                each / rates.characters_per_token for each in inputs.pair_characters
            )
            own += rates.template_tokens
            pair = own + chosen if number == 1 else 2 * own + chosen + rejected
        else:
            pair = number * (prompt + rates.tokens_per_response)
        return cls(prompt, bare * rates.fertility + rates.template_tokens, pair)


@dataclass(frozen=True)
class Training:
    """Steps of a training, and floating point operations of all devices together."""

    steps: int
    operations: float


def held_out(inputs: Inputs, recipe: Recipe) -> int | None:
    """Return the number of prompts of the held-out split; exact where the prompts are known."""
    share = recipe.sets.test_share
    if inputs.ids:
        return sum(split_of(prompt_id, share) is Split.TEST for prompt_id in inputs.ids)
    return None if inputs.prompts is None else round(inputs.prompts * share)


def training(recipe: Recipe, inputs: Inputs, shape: Shape, texts: Texts) -> Training | None:
    """Return the work of a training; None where the number of its steps is unknown.

    A token costs 2 operations a weight forward, as much for the gradients of the activations, and as much for
    those of the weights, which adapters do not need; gradient checkpointing repeats the forward pass.
    """
    settings = recipe.align
    processes = settings.processes if isinstance(settings.processes, int) else 1
    pairs = settings.batch_size * settings.gradient_accumulation * processes
    steps = _steps(recipe, inputs, pairs)
    if steps is None:
        return None
    factor = 2 * (2 + (settings.lora is None) + settings.gradient_checkpointing)
    reference = 2 if settings.method in _WITH_REFERENCE else 0
    seen = steps * pairs
    unique = min(seen, inputs.pairs) if inputs.pairs is not None else seen
    tokens = seen * texts.pair * factor + unique * texts.pair * reference
    tokens += _consistency_tokens(recipe, steps * processes, texts, shape) * factor
    if settings.loss.weight and settings.loss.layer == "auto":
        tokens += 2 * _set_tokens(recipe, texts) * _measured_sets(recipe, inputs)
    return Training(steps, tokens * shape.parameters)


def _steps(recipe: Recipe, inputs: Inputs, pairs: int) -> int | None:
    settings = recipe.align
    if settings.max_steps is not None:
        return settings.max_steps
    if inputs.pairs is None:
        return None
    return ceil(inputs.pairs * (1 - recipe.sets.test_share) / pairs * settings.epochs)


def _consistency_tokens(recipe: Recipe, steps: int, texts: Texts, shape: Shape) -> float:
    """Return the tokens that the consistency loss reads, weighted by the share of layers that are run.

    Args:
        recipe: the recipe.
        steps: of all processes together.
        texts: lengths of texts.
        shape: of the model.
    """
    loss = recipe.align.loss
    if not loss.weight:
        return 0.0
    share = _layer_share(recipe, shape)
    sets = steps / loss.every * loss.sets_per_step
    return sets * _set_tokens(recipe, texts) * share


def _layer_share(recipe: Recipe, shape: Shape) -> float:
    """Return the share of the layers up to the one that the loss reads."""
    layer = recipe.align.loss.layer
    if layer == "auto":
        return _LAYER_SHARE
    number = layer if layer > 0 else shape.layers + 1 + layer
    return max(0.0, min(1.0, number / shape.layers))


def _set_tokens(recipe: Recipe, texts: Texts) -> float:
    return texts.prompt + len(recipe.languages.targets) * texts.variant


def _measured_sets(recipe: Recipe, inputs: Inputs) -> int:
    test = held_out(inputs, recipe)
    return recipe.evaluate.max_sets if test is None else min(recipe.evaluate.max_sets, test)


def consistency(recipe: Recipe, inputs: Inputs, shape: Shape, texts: Texts) -> float:
    """Return the operations of measuring the representations, by both models."""
    sets = _measured_sets(recipe, inputs)
    tokens = sets * _set_tokens(recipe, texts) * _layer_share(recipe, shape)
    return 2 * 2 * tokens * shape.parameters


@dataclass(frozen=True)
class Replies:
    """Replies to the safety prompts, by both models.

    Attributes:
        number: of replies.
        passes: forward passes of one token for a batch of replies.
        operations: floating point operations of all passes.
    """

    number: int
    passes: int
    operations: float


def replies(recipe: Recipe, inputs: Inputs, shape: Shape, texts: Texts) -> Replies | None:
    """Return the work of generating replies; None where the number of prompts is unknown.

    A prompt set on disk or on the Hub and a suite have an unknown number of prompts where they have no limit.
    """
    safety = recipe.evaluate.safety
    if safety is None:
        return Replies(0, 0, 0.0)
    number, languages = 0, 1 + len(recipe.languages.targets)
    for each in safety.prompts:
        there = held_out(inputs, recipe) if each.own else None
        known = [limit for limit in (each.limit, there) if limit is not None]
        if not known:
            return None
        number += min(known) * (texts_per_prompt(each.suite) if each.suite else languages)
    passes = ceil(number / safety.batch_size) * safety.max_new_tokens
    tokens = number * ((texts.prompt + texts.variant * (languages - 1)) / languages)
    tokens += number * safety.max_new_tokens
    return Replies(2 * number, 2 * passes, 2 * tokens * 2 * shape.parameters)


def texts_per_prompt(suite: str) -> int:
    """Return the number of texts that each prompt of a suite's limit brings: its languages and halves."""
    described = suites()[suite]
    return len(set(described.languages.values())) * (2 if described.labels else 1)


def judging(number: int, parameters: int) -> float:
    """Return the operations of a guard model that judges ``number`` replies."""
    return number * _GUARD_TOKENS * 2 * parameters
