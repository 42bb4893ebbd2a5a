"""Encoders in the layout of sentence-transformers, run with transformers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from mlc_data.core.model_card import read_license
from mlc_data.errors import ModelError
from mlc_data.sentence_encoder.base import KEY, Vectors

_POOLING = {"pooling_mode_cls_token": "cls", "pooling_mode_mean_tokens": "mean"}
_AT_ONCE = 64


class TransformersEncoder:
    """An encoder of transformers: LaBSE, BGE-M3, multilingual E5 and the like.

    The pooling (mean or first token) comes from ``1_Pooling/config.json``; dense layers that
    ``modules.json`` names are applied. The vector of a text longer than the model's
    positions is the mean of its parts.

    Args:
        folder: model in the layout of sentence-transformers, weights in safetensors.
        id: name of the model.
        revision: commit or hash of the weights.
        prefix: text put before each text, such as ``query: `` for E5.

    Raises:
        ModelError: a file is missing, or the pooling is neither mean nor first token.
    """

    languages = None

    def __init__(self, folder: Path, id: str, revision: str, prefix: str = "") -> None:
        self.folder, self.id, self.revision, self.prefix = folder, id, revision, prefix
        self.licence = read_license(folder)
        self.pooling = _pooling(folder)

    @cached_property
    def _model(self) -> tuple[Any, Any, list[Any]]:
        from transformers import AutoModel, AutoTokenizer

        try:
            tokenizer = AutoTokenizer.from_pretrained(
                self.folder, local_files_only=True, trust_remote_code=False
            )
            model = AutoModel.from_pretrained(
                self.folder,
                local_files_only=True,
                use_safetensors=True,
                trust_remote_code=False,
            ).eval()
        except (OSError, ValueError) as error:
            raise ModelError(f"{KEY}: {self.id} cannot be loaded: {error}") from error
        return tokenizer, model, _dense_layers(self.folder)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """See `SentenceEncoder.encode`."""
        import numpy as np
        import torch

        tokenizer, model, dense = self._model
        longest = min(tokenizer.model_max_length, model.config.max_position_embeddings - 2)
        vectors = []
        with torch.inference_mode():
            # One by one: padding to other texts would change the last bits of a vector.
            for text in texts:
                parts = tokenizer(
                    self.prefix + text,
                    truncation=True,
                    max_length=longest,
                    return_overflowing_tokens=True,
                )["input_ids"]
                pooled = [self._pooled(model, torch.tensor([part])) for part in parts]
                vector = torch.stack(pooled).mean(dim=0)
                for layer in dense:
                    vector = layer(vector)
                vectors.append(torch.nn.functional.normalize(vector.float(), dim=0).numpy())
        return np.stack(vectors)

    def _pooled(self, model: Any, ids: Any) -> Any:
        """Return the pooled state of one row of token ids [1, T]."""
        states = model(input_ids=ids).last_hidden_state[0]
        return states[0] if self.pooling == "cls" else states.mean(dim=0)


def _pooling(folder: Path) -> str:
    path = folder / "1_Pooling" / "config.json"
    if not path.is_file():
        raise ModelError(
            f"{KEY}: {folder} has no 1_Pooling/config.json, so it is not a sentence encoder in the "
            "layout of sentence-transformers"
        )
    settings = json.loads(path.read_text(encoding="utf-8"))
    modes = [
        mode for mode, on in settings.items() if mode.startswith("pooling_mode_") and on is True
    ]
    if len(modes) != 1 or modes[0] not in _POOLING:
        raise ModelError(
            f"{KEY}: {path} asks for {', '.join(modes) or 'no pooling'}; known are "
            f"{' and '.join(_POOLING)}"
        )
    return _POOLING[modes[0]]


def _dense_layers(folder: Path) -> list[Any]:
    """Return the dense layers that ``modules.json`` names, in order."""
    import torch
    from safetensors.torch import load_file

    modules = folder / "modules.json"
    if not modules.is_file():
        return []
    layers: list[Any] = []
    for module in json.loads(modules.read_text(encoding="utf-8")):
        if not module["type"].endswith(".Dense"):
            continue
        path = folder / module["path"]
        settings = json.loads((path / "config.json").read_text(encoding="utf-8"))
        weights = path / "model.safetensors"
        if not weights.is_file():
            raise ModelError(f"{KEY}: {weights} is missing; other formats of weights are not read")
        linear = torch.nn.Linear(
            settings["in_features"], settings["out_features"], bias=settings.get("bias", True)
        )
        linear.load_state_dict(
            {name.removeprefix("linear."): value for name, value in load_file(weights).items()}
        )
        layers.append(linear.eval())
        name = settings.get("activation_function", "").rpartition(".")[2]
        if name == "Tanh":
            layers.append(torch.nn.Tanh())
        elif name not in ("", "Identity"):
            raise ModelError(
                f"{KEY}: {path} has the activation {name}; known are Tanh and Identity"
            )
    return layers
