"""Encoders of transformers in the layout of sentence-transformers: a tiny BERT with random weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from transformers import BertConfig, BertModel, BertTokenizerFast

from mlc_data.errors import ModelError
from mlc_data.sentence_encoder.loading import load_encoder
from mlc_data.sentence_encoder.transformers import TransformersEncoder

WORDS = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    "how",
    "do",
    "i",
    "bake",
    "bread",
    "query",
    ":",
]
SIZE = 8


def save_encoder(folder: Path, pooling: str = "mean_tokens") -> Path:
    """A sentence encoder of two layers, with mean or first-token pooling."""
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(WORDS), hidden_size=SIZE, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=16, max_position_embeddings=12, initializer_range=0.5,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder)
    vocabulary = folder / "vocab.txt"
    vocabulary.write_text("\n".join(WORDS), encoding="utf-8")
    BertTokenizerFast(vocab=str(vocabulary)).save_pretrained(folder)
    write(folder / "1_Pooling" / "config.json", {f"pooling_mode_{pooling}": True})
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\n", encoding="utf-8")
    return folder


def write(path: Path, value: Any) -> None:
    """Write JSON."""
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text(json.dumps(value), encoding="utf-8")


def add_dense(folder: Path, activation: str = "torch.nn.modules.activation.Tanh") -> torch.Tensor:
    """Add a dense layer with three outputs; its weights."""
    write(
        folder / "modules.json",
        [
            {"type": "sentence_transformers.models.Transformer", "path": ""},
            {"type": "sentence_transformers.models.Pooling", "path": "1_Pooling"},
            {"type": "sentence_transformers.models.Dense", "path": "2_Dense"},
        ],
    )
    settings = {"in_features": SIZE, "out_features": 3, "bias": False}
    write(folder / "2_Dense" / "config.json", {**settings, "activation_function": activation})
    weights = torch.randn(3, SIZE)
    save_file({"linear.weight": weights}, folder / "2_Dense" / "model.safetensors")
    return weights


def encoder(folder: Path, prefix: str = "") -> TransformersEncoder:
    return TransformersEncoder(folder, "tiny", "1", prefix)


def states(folder: Path, text: str) -> torch.Tensor:
    """Last hidden states [tokens, units], computed by transformers itself."""
    tokenizer = BertTokenizerFast.from_pretrained(folder)
    with torch.inference_mode():
        found = BertModel.from_pretrained(folder).eval()(**tokenizer(text, return_tensors="pt"))
    return found.last_hidden_state[0]


def unit(vector: torch.Tensor) -> Any:
    return torch.nn.functional.normalize(vector, dim=0).numpy()


def test_mean_pooling(tmp_path: Path) -> None:
    folder = save_encoder(tmp_path)
    wanted = unit(states(folder, "how do i bake bread").mean(dim=0))
    np.testing.assert_allclose(
        encoder(folder).encode(["how do i bake bread"])[0], wanted, atol=1e-6
    )


def test_first_token_pooling(tmp_path: Path) -> None:
    folder = save_encoder(tmp_path, "cls_token")
    wanted = unit(states(folder, "bake bread")[0])
    np.testing.assert_allclose(encoder(folder).encode(["bake bread"])[0], wanted, atol=1e-6)


def test_other_pooling_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="pooling_mode_max_tokens"):
        encoder(save_encoder(tmp_path, "max_tokens"))


def test_a_model_without_pooling_is_no_sentence_encoder(tmp_path: Path) -> None:
    BertModel(BertConfig(vocab_size=8, hidden_size=8, num_attention_heads=1)).save_pretrained(
        tmp_path
    )
    with pytest.raises(ModelError, match="1_Pooling"):
        encoder(tmp_path)


def test_dense_layers_are_applied(tmp_path: Path) -> None:
    folder = save_encoder(tmp_path)
    weights = add_dense(folder)
    wanted = unit(torch.tanh(weights @ states(folder, "bake bread").mean(dim=0)))
    np.testing.assert_allclose(encoder(folder).encode(["bake bread"])[0], wanted, atol=1e-6)


def test_an_unknown_activation_is_refused(tmp_path: Path) -> None:
    folder = save_encoder(tmp_path)
    add_dense(folder, "torch.nn.modules.activation.GELU")
    with pytest.raises(ModelError, match="GELU"):
        encoder(folder).encode(["bread"])


def test_pickled_weights_of_a_dense_layer_are_refused(tmp_path: Path) -> None:
    folder = save_encoder(tmp_path)
    weights = add_dense(folder)
    (folder / "2_Dense" / "model.safetensors").unlink()
    torch.save({"linear.weight": weights}, folder / "2_Dense" / "pytorch_model.bin")
    with pytest.raises(ModelError, match="safetensors is missing"):
        encoder(folder).encode(["bread"])


def test_pickled_weights_of_the_model_are_refused(tmp_path: Path) -> None:
    folder = save_encoder(tmp_path)
    weights = BertModel.from_pretrained(folder).state_dict()
    (folder / "model.safetensors").unlink()
    torch.save(weights, folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match="cannot be loaded"):
        encoder(folder).encode(["bread"])


def test_a_vector_does_not_depend_on_the_texts_beside_it(tmp_path: Path) -> None:
    one = encoder(save_encoder(tmp_path))
    texts = ["how do i bake bread", "bread", "do i"]
    together = one.encode(texts)
    assert np.array_equal(together, np.concatenate([one.encode([text]) for text in texts]))


def test_a_prefix_is_part_of_the_text(tmp_path: Path) -> None:
    folder = save_encoder(tmp_path)
    assert np.array_equal(
        encoder(folder, "query: ").encode(["bread"]), encoder(folder).encode(["query: bread"])
    )


def test_all_of_a_long_text_counts(tmp_path: Path) -> None:
    one = encoder(save_encoder(tmp_path))
    begun = "bread " * 40
    vectors = one.encode([begun, begun + "car"])
    assert not np.array_equal(vectors[0], vectors[1])
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1], abs=1e-5)


def test_the_licence_comes_from_the_card(tmp_path: Path) -> None:
    assert encoder(save_encoder(tmp_path)).licence == "Apache-2.0"


def test_the_revision_of_a_folder_changes_with_its_weights(tmp_path: Path) -> None:
    before = load_encoder(str(save_encoder(tmp_path / "one"))).revision
    same = load_encoder(str(save_encoder(tmp_path / "two"))).revision
    add_dense(tmp_path / "two")
    load_encoder.cache_clear()
    assert before == same != load_encoder(str(tmp_path / "two")).revision
