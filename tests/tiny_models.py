"""Tiny random models: a causal language model, and every architecture of translators that is converted.

The networks are transformers' own, saved as safetensors. Translators look as their repositories do: the
tokenizer files are those that the real ones have, with a sentencepiece model trained on the spot.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import sentencepiece
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    M2M100Config,
    M2M100ForConditionalGeneration,
    MarianConfig,
    MarianMTModel,
    PreTrainedTokenizerFast,
    T5Config,
    T5ForConditionalGeneration,
)
from transformers.models.m2m_100.tokenization_m2m_100 import FAIRSEQ_LANGUAGE_CODES

TEXTS = ["How do I bake bread?", "I love the cat on the mat.", "Tell me how to plant a tree."]
CARD = "---\nlicense: {licence}\ntags:\n- translation\n---\n# A model\n"
STD = 0.4  # wide enough that another source token gives another hypothesis
FAIRSEQ = ["<s>", "<pad>", "</s>", "<unk>"]
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def chat_tokenizer(
    chat_template: str | None = CHATML, corpus: Sequence[str] = ()
) -> PreTrainedTokenizerFast:
    """Byte-level tokenizer of 258 tokens, or of up to 700 with the merges that a corpus gives."""
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=700,
        special_tokens=["<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    inner.train_from_iterator(corpus, trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<|im_end|>")
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>"]})
    tokenizer.chat_template = chat_template
    return tokenizer


def causal_lm(seed: int = 0, **settings: Any) -> LlamaForCausalLM:
    """Llama of 4 layers and 32 dimensions that fits `chat_tokenizer`; ``settings`` are of its config."""
    torch.manual_seed(seed)
    sizes = {
        "vocab_size": 260,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
        "initializer_range": 0.2,
    }
    return LlamaForCausalLM(LlamaConfig(**{**sizes, **settings}, bos_token_id=None, eos_token_id=1))


def save_causal_lm(folder: Path, licence: str | None = None) -> Path:
    """Save `causal_lm` and `chat_tokenizer` as a model's folder, with a card if it has a licence."""
    _save(causal_lm(), folder, licence)
    chat_tokenizer().save_pretrained(folder)
    return folder


def pieces(**settings: Any) -> bytes:
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXTS * 5),
        model_writer=written,
        vocab_size=60,
        model_type="bpe",
        hard_vocab_limit=False,
        minloglevel=1,
        num_threads=1,
        **settings,
    )
    return written.getvalue()


def own_pieces(model: bytes) -> list[str]:
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    return [processor.id_to_piece(number) for number in range(processor.get_piece_size())]


def _save(network: Any, folder: Path, licence: str | None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    network.save_pretrained(folder)
    if licence is not None:
        (folder / "README.md").write_text(CARD.format(licence=licence))


def _m2m(size: int) -> M2M100ForConditionalGeneration:
    torch.manual_seed(0)
    return M2M100ForConditionalGeneration(
        M2M100Config(
            vocab_size=size,
            d_model=16,
            encoder_layers=1,
            decoder_layers=1,
            encoder_attention_heads=2,
            decoder_attention_heads=2,
            encoder_ffn_dim=16,
            decoder_ffn_dim=16,
            init_std=STD,
        )
    )


def nllb(folder: Path, languages: Sequence[str] | None, licence: str = "cc-by-nc-4.0") -> Path:
    """As facebook/nllb-200-*, with a sentencepiece file; None: no file names the languages."""
    model = pieces()
    own = [piece for piece in own_pieces(model) if piece not in FAIRSEQ]
    count = len(FAIRSEQ) + len(own) + len(languages if languages is not None else range(202)) + 1
    _save(_m2m(count + 2), folder, licence)
    (folder / "sentencepiece.bpe.model").write_bytes(model)
    config: dict[str, Any] = {"tokenizer_class": "NllbTokenizer"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    if languages is not None:
        declared = {"additional_special_tokens": list(languages)}
        (folder / "special_tokens_map.json").write_text(json.dumps(declared))
    return folder


def m2m100(folder: Path, licence: str | None = "mit") -> Path:
    """As facebook/m2m100_418M: vocab.json without language tokens, 100 of them, 8 fillers."""
    model = pieces()
    own = [piece for piece in own_pieces(model) if piece not in FAIRSEQ]
    vocabulary = [*FAIRSEQ, *own]
    _save(_m2m(len(vocabulary) + 100 + 8), folder, licence)
    (folder / "sentencepiece.bpe.model").write_bytes(model)
    (folder / "vocab.json").write_text(json.dumps({t: i for i, t in enumerate(vocabulary)}))
    languages = [f"__{code}__" for code in FAIRSEQ_LANGUAGE_CODES["m2m100"]]
    (folder / "special_tokens_map.json").write_text(
        json.dumps({"additional_special_tokens": languages, "eos_token": "</s>"})
    )
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "M2M100Tokenizer"})
    )
    return folder


def madlad(folder: Path, codes: Sequence[str] = ("en", "sw", "zh", "zh_Hant", "fil", "ku")) -> Path:
    """As google/madlad400-3b-mt: language tokens are user-defined pieces; decoding starts at 0."""
    model = pieces(
        user_defined_symbols=[f"<2{code}>" for code in codes], unk_id=0, bos_id=1, eos_id=2
    )
    torch.manual_seed(0)
    network = T5ForConditionalGeneration(
        T5Config(
            vocab_size=len(own_pieces(model)),
            d_model=16,
            d_kv=8,
            d_ff=16,
            num_layers=1,
            num_heads=2,
            feed_forward_proj="gated-gelu",
            tie_word_embeddings=False,
            initializer_factor=1.0,
            pad_token_id=1,
            eos_token_id=2,
            decoder_start_token_id=0,
        )
    )
    _save(network, folder, "apache-2.0")
    (folder / "spiece.model").write_bytes(model)
    return folder


def marian(folder: Path, licence: str = "cc-by-4.0", extra: Sequence[str] = ()) -> Path:
    """As Helsinki-NLP/opus-mt-*: source.spm, target.spm and one vocabulary that ends in <pad>."""
    source = pieces()
    target = pieces(normalization_rule_name="identity")
    both = dict.fromkeys([*own_pieces(source), *own_pieces(target)])
    vocabulary = ["</s>", "<unk>", *extra]
    vocabulary += [piece for piece in both if piece not in {"<s>", "</s>", "<unk>"}] + ["<pad>"]
    size = len(vocabulary)
    torch.manual_seed(0)
    network = MarianMTModel(
        MarianConfig(
            vocab_size=size,
            decoder_vocab_size=size,
            d_model=16,
            encoder_layers=1,
            decoder_layers=1,
            encoder_attention_heads=2,
            decoder_attention_heads=2,
            encoder_ffn_dim=16,
            decoder_ffn_dim=16,
            init_std=STD,
            max_position_embeddings=64,
            pad_token_id=size - 1,
            eos_token_id=0,
            forced_eos_token_id=0,
            decoder_start_token_id=size - 1,
            scale_embedding=True,
            activation_function="swish",
        )
    )
    _save(network, folder, licence)
    (folder / "source.spm").write_bytes(source)
    (folder / "target.spm").write_bytes(target)
    (folder / "vocab.json").write_text(json.dumps({t: i for i, t in enumerate(vocabulary)}))
    return folder


def marian_file(folder: Path) -> Path:
    """An OPUS-MT download: decoder.yml, Marian's own model.npz and vocabulary, two .spm files."""
    folder.mkdir(parents=True, exist_ok=True)
    source = pieces()
    own = [piece for piece in own_pieces(source) if piece not in {"<s>", "</s>", "<unk>"}]
    vocabulary = ["</s>", "<unk>", *own]
    size, wide = len(vocabulary), 16
    made = np.random.default_rng(0)
    config = "\n".join(
        [
            "type: transformer",
            "dec-depth: 1",
            "enc-depth: 1",
            "dim-emb: 16",
            "transformer-heads: 2",
            "transformer-decoder-autoreg: self-attention",
            "transformer-no-projection: false",
            "transformer-ffn-activation: swish",
            "transformer-preprocess: ''",
            "transformer-postprocess: dan",
            "transformer-postprocess-emb: d",
            "transformer-train-position-embeddings: false",
            "transformer-ffn-depth: 2",
            "transformer-aan-depth: 2",
            "transformer-tied-layers: []",
            "transformer-guided-alignment-layer: last",
        ]
    )
    arrays: dict[str, Any] = {
        "special:model.yml": np.frombuffer(config.encode() + b"\0", dtype=np.int8),
        "Wemb": made.normal(size=(size, wide)),
        "decoder_ff_logit_out_b": np.zeros((1, size)),
    }
    for side, blocks in (("encoder", ("self",)), ("decoder", ("self", "context"))):
        scope = f"{side}_l1"
        for block in blocks:
            for name in "qkvo":
                arrays[f"{scope}_{block}_W{name}"] = made.normal(size=(wide, wide))
                arrays[f"{scope}_{block}_b{name}"] = np.zeros((1, wide))
            arrays[f"{scope}_{block}_Wo_ln_scale"] = np.ones((1, wide))
            arrays[f"{scope}_{block}_Wo_ln_bias"] = np.zeros((1, wide))
        for number in (1, 2):
            arrays[f"{scope}_ffn_W{number}"] = made.normal(size=(wide, wide))
            arrays[f"{scope}_ffn_b{number}"] = np.zeros((1, wide))
        arrays[f"{scope}_ffn_ffn_ln_scale"] = np.ones((1, wide))
        arrays[f"{scope}_ffn_ffn_ln_bias"] = np.zeros((1, wide))
    np.savez(
        folder / "model.npz",
        **{k: v if k.startswith("special") else v.astype(np.float32) for k, v in arrays.items()},
    )
    lines = [f"{json.dumps(token, ensure_ascii=False)}: {i}" for i, token in enumerate(vocabulary)]
    (folder / "vocab.yml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "decoder.yml").write_text(
        "models:\n  - model.npz\nvocabs:\n  - vocab.yml\n  - vocab.yml\nbeam-size: 6\n"
    )
    (folder / "source.spm").write_bytes(source)
    (folder / "target.spm").write_bytes(source)
    return folder
