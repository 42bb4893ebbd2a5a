"""Hidden states of the last prompt token at a decoder layer; nothing is computed above it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from mlc_data.errors import ModelError
from mlc_data.lm.batching import by_length, pad_right
from mlc_data.lm.loading import layer_number

_LAYER_LISTS = ("layers", "h", "blocks")
_FINAL_NORMS = ("norm", "final_layer_norm", "ln_f", "norm_f", "final_layernorm")
_WRAPPERS = ("module", "_orig_mod")

_SHORTEST_PREFIX = 4
"""Length (tokens) below which a common prefix is not worth a forward pass of its own."""


@dataclass(frozen=True)
class Decoder:
    """The part of a causal language model between its embeddings and its output head."""

    module: nn.Module
    layers_name: str
    norm: nn.Module

    @property
    def layers(self) -> nn.ModuleList:
        """The layers, from the embeddings up."""
        layers = getattr(self.module, self.layers_name)
        assert isinstance(layers, nn.ModuleList)
        return layers

    @property
    def depth(self) -> int:
        """Number of layers."""
        return len(self.layers)

    def index(self, layer: int) -> int:
        """Return a layer's number, 1 to `depth`, from a number that may count from the end (-1 the last).

        Raises:
            ModelError: the model has no such layer.
        """
        return layer_number(layer, self.depth)


def find_decoder(model: Any) -> Decoder:
    """Return the decoder of a Hugging Face causal language model, also inside peft or data-parallel wrappers.

    Understands every architecture that keeps its layers in one list and has one norm above them:
    Llama, Mistral, Qwen, Gemma, Phi, SmolLM, GPT-NeoX, GPT-2, Falcon, BLOOM, OPT.

    Raises:
        ModelError: the list of layers or the final norm cannot be found.
    """
    for name in _WRAPPERS:
        while isinstance(inner := getattr(model, name, None), nn.Module):
            model = inner
    if hasattr(model, "peft_config") and hasattr(model, "get_base_model"):
        model = model.get_base_model()
    decoder = model.get_decoder() if hasattr(model, "get_decoder") else model
    for name in _LAYER_LISTS:
        if isinstance(getattr(decoder, name, None), nn.ModuleList):
            for norm in _FINAL_NORMS:
                if isinstance(module := getattr(decoder, norm, None), nn.Module):
                    return Decoder(decoder, name, module)
    raise ModelError(
        f"cannot read hidden states of {type(decoder).__name__}: it has no list of layers "
        f"({', '.join(_LAYER_LISTS)}) with a final norm ({', '.join(_FINAL_NORMS)})"
    )


@contextmanager
def _only_up_to(decoder: Decoder, number: int) -> Iterator[None]:
    """Remove the layers above ``number`` from the model, and restore them at the end."""
    whole = decoder.layers
    if number < len(whole):
        setattr(decoder.module, decoder.layers_name, nn.ModuleList(list(whole)[:number]))
    try:
        yield
    finally:
        setattr(decoder.module, decoder.layers_name, whole)


def last_token_states(
    model: nn.Module,
    input_ids: Tensor,
    attention_mask: Tensor,
    layer: int = -1,
    final_norm: bool = False,
) -> Tensor:
    """Return hidden states of each row's last token that is not padding, after ``layer``.

    Layers above it and the output head are not run; gradients flow, also with gradient
    checkpointing. Equal to ``output_hidden_states`` of transformers at the same index: the last
    layer comes after the model's final norm, the others before it unless ``final_norm`` is set.

    Args:
        model: a causal language model of transformers, possibly with peft adapters.
        input_ids: [N, T], int64.
        attention_mask: [N, T], 1 at tokens, 0 at padding on either side.
        layer: 1 to the model's depth, or negative from the end.
        final_norm: apply the model's final norm to an earlier layer too.

    Returns:
        [N, H], in the model's type.

    Raises:
        ModelError: there is no such layer, or the architecture is not understood.
    """
    return _last_states(find_decoder(model), input_ids, attention_mask, layer, final_norm)


def _last_states(
    decoder: Decoder,
    ids: Tensor,
    mask: Tensor,
    layer: int,
    final_norm: bool,
    *,
    cache: Any = None,
    offset: int = 0,
) -> Tensor:
    """Return `last_token_states`; with a cache, ``ids`` follow the ``offset`` tokens in it."""
    number = decoder.index(layer)
    captured: list[Tensor] = []

    def before_norm(_: nn.Module, arguments: tuple[Any, ...]) -> None:
        captured.append(arguments[0])

    options: dict[str, Any] = {"attention_mask": mask, "use_cache": cache is not None}
    if cache is not None:
        options["past_key_values"] = cache
        options["attention_mask"] = torch.cat([mask.new_ones(len(mask), offset), mask], dim=1)
    if "position_ids" in _arguments(decoder):
        options["position_ids"] = (mask.cumsum(dim=1) - 1).clamp_min(0) + offset
    handle = decoder.norm.register_forward_pre_hook(before_norm)
    try:
        with _only_up_to(decoder, number):
            output = decoder.module(input_ids=ids, **options)
    finally:
        handle.remove()
    states = output[0] if final_norm or number == decoder.depth else captured[0]
    last = (mask * torch.arange(ids.shape[1], device=ids.device)).argmax(dim=1)
    selected: Tensor = states[torch.arange(len(last), device=last.device), last]
    return selected


def _arguments(decoder: Decoder) -> frozenset[str]:
    return frozenset(inspect.signature(decoder.module.forward).parameters)


def text_states(
    model: nn.Module,
    texts: Sequence[Sequence[int]],
    layer: int = -1,
    final_norm: bool = False,
    *,
    batch_size: int = 64,
    done: Callable[[int], None] | None = None,
) -> Tensor:
    """Return states of the last tokens of many texts, in batches of similar length.

    The common prefix of all texts (the start of the chat template) is run once for all of them, with
    its gradient, if the model has a plain attention cache and no gradient checkpointing. If the model is
    sharded over processes, all of them call this together.

    Args:
        model: see `last_token_states`.
        texts: N token sequences, at least one.
        layer: see `last_token_states`.
        final_norm: see `last_token_states`.
        batch_size: largest number of texts per forward pass.
        done: called with the number of texts after each batch.

    Returns:
        [N, H], in the model's type and on its device.
    """
    from mlc_data.consistency.sharded import equal_passes, is_sharded

    decoder = find_decoder(model)
    device = next(model.parameters()).device
    sharded = is_sharded(model)
    # Every pass gathers the weights from all processes, so all must run the same number of passes.
    shared = _common_prefix(texts) if _can_share(decoder) and not sharded else 0
    shared = shared if shared >= _SHORTEST_PREFIX else 0
    prefix = _prefix_cache(decoder, texts[0][:shared], layer, device) if shared else None
    lengths = [len(text) - shared for text in texts]
    batches = (
        equal_passes(lengths, batch_size, device) if sharded else by_length(lengths, batch_size)
    )
    parts = []
    for batch in batches:
        if not batch:
            ids, mask = pad_right([texts[0]], device)
            parts.append(0 * _last_states(decoder, ids, mask, layer, final_norm))
            continue
        ids, mask = pad_right([texts[index][shared:] for index in batch], device)
        cache = _repeat(decoder, prefix, len(batch)) if prefix is not None else None
        parts.append(
            _last_states(decoder, ids, mask, layer, final_norm, cache=cache, offset=shared)
        )
        if done:
            done(len(batch))
    order = torch.tensor([index for batch in batches for index in batch], device=device)
    states = torch.cat(parts)
    return states[: len(texts)][order.argsort()] + states[len(texts) :].sum()


def _common_prefix(texts: Sequence[Sequence[int]]) -> int:
    """Return the number of tokens that all texts begin with, without the last token of the shortest."""
    first, last = min(map(tuple, texts)), max(map(tuple, texts))
    limit = min(len(text) for text in texts) - 1
    for place in range(limit):
        if first[place] != last[place]:
            return place
    return limit


def _can_share(decoder: Decoder) -> bool:
    config = decoder.module.config
    kinds = set(getattr(config, "layer_types", None) or ())
    checkpointing = decoder.module.training and any(
        getattr(module, "gradient_checkpointing", False)
        for module in (decoder.module, *decoder.layers)
    )
    plain = kinds <= {"full_attention", "sliding_attention"}
    return plain and not checkpointing and "past_key_values" in _arguments(decoder)


def _prefix_cache(decoder: Decoder, tokens: Sequence[int], layer: int, device: Any) -> Any:
    """Return keys and values of the prefix in the layers that are run."""
    from transformers import DynamicCache

    cache = DynamicCache(config=decoder.module.config)
    ids, mask = pad_right([tokens], device)
    _last_states(decoder, ids, mask, layer, False, cache=cache)
    return cache


def _repeat(decoder: Decoder, prefix: Any, rows: int) -> Any:
    """Return the prefix's cache for ``rows`` rows; additions to it do not change the prefix."""
    from transformers import DynamicCache

    cache = DynamicCache(config=decoder.module.config)
    for number, kept in enumerate(prefix.layers):
        if kept.is_initialized:
            keys = kept.keys.expand(rows, -1, -1, -1)
            cache.update(keys, kept.values.expand(rows, -1, -1, -1), number)
    return cache


def set_states(
    model: nn.Module,
    rows: Sequence[Sequence[Sequence[int] | None]],
    layer: int = -1,
    final_norm: bool = False,
    batch_size: int = 64,
) -> tuple[Tensor, Tensor]:
    """Return states of whole variant sets; texts are run in batches of similar length.

    Args:
        model: see `last_token_states`.
        rows: B sets of L token sequences each; None where a language is missing.
        layer: see `last_token_states`.
        final_norm: see `last_token_states`.
        batch_size: largest number of texts per forward pass.

    Returns:
        States [B, L, H] (zeros where missing; differentiable) and ``present`` [B, L], bool.

    Raises:
        ModelError: see `last_token_states`.
        ValueError: there is no text at all.
    """
    present = torch.tensor([[tokens is not None for tokens in row] for row in rows])
    texts = [tokens for row in rows for tokens in row if tokens is not None]
    if not texts:
        raise ValueError("no set has a text")
    flat = text_states(model, texts, layer, final_norm, batch_size=batch_size)
    present = present.to(flat.device)
    states = flat.new_zeros(*present.shape, flat.shape[-1]).masked_scatter(
        present[..., None].expand(*present.shape, flat.shape[-1]), flat
    )
    return states, present
