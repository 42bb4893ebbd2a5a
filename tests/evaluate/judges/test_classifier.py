"""Classifiers with weights written by hand, so that their probabilities are known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from tokenizers.processors import TemplateProcessing
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    LlamaForSequenceClassification,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaForSequenceClassification,
)

from mlc_data.errors import ModelError, UsageError
from mlc_data.evaluate.judges import Exchange, Judgment, load_classifier

WORDS = ["<pad>", "<unk>", "<sep>", "bread", "bike", "sorry"]
WIDTH = 16
LABELS = ["fine", "harm", "hate", "declined"]
# Probabilities by last word (softmax). The logits are their logarithms.
SHARES = {
    "bread": [0.90, 0.05, 0.03, 0.02],
    "bike": [0.30, 0.35, 0.25, 0.10],
    "sorry": [0.10, 0.05, 0.05, 0.80],
}


def tokenizer(**settings: Any) -> PreTrainedTokenizerFast:
    inner = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, "<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    inner.post_processor = TemplateProcessing(
        single="$A", pair="$A <sep> $B", special_tokens=[("<sep>", WORDS.index("<sep>"))]
    )
    named = {"pad_token": "<pad>", "unk_token": "<unk>", "sep_token": "<sep>", **settings}
    return PreTrainedTokenizerFast(tokenizer_object=inner, **named)


def save(
    folder: Path,
    logits: dict[str, Sequence[float]],
    labels: Sequence[str] = tuple(LABELS),
    problem: str | None = "single_label_classification",
    *,
    length: int = 32,
    broken: str | None = None,
) -> Path:
    """A Llama that looks at the last word alone, and gives it the logits that are asked for."""
    config = LlamaConfig(
        vocab_size=len(WORDS),
        hidden_size=WIDTH,
        intermediate_size=WIDTH,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=length,
        pad_token_id=0,
        num_labels=len(labels),
        problem_type=problem,
    )
    config.id2label = dict(enumerate(labels))
    config.label2id = {label: i for i, label in enumerate(labels)}
    model = LlamaForSequenceClassification(config)
    layer = model.model.layers[0]
    with torch.no_grad():
        layer.self_attn.o_proj.weight.zero_()
        layer.mlp.down_proj.weight.zero_()
        model.model.embed_tokens.weight.zero_()
        model.score.weight.zero_()
        for number, word in enumerate(WORDS):
            model.model.embed_tokens.weight[number, number] = math.nan if word == broken else 1.0
            if word in logits:
                # The norm makes a unit vector sqrt(width) long.
                column = torch.tensor(list(logits[word])) / math.sqrt(WIDTH)
                model.score.weight[:, number] = column
    model.save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = save(tmp_path / "model", {w: list(map(math.log, s)) for w, s in SHARES.items()})
    (made / "README.md").write_text("---\nlicense: mit\n---\n# A classifier\n")
    return made


def exchanges(*replies: str) -> list[Exchange]:
    return [Exchange("bread", reply, "eng_Latn") for reply in replies]


@pytest.mark.parametrize("batch_size", [1, 2, 16])
def test_probabilities_of_labels_that_exclude_each_other_add_up(
    folder: Path, batch_size: int
) -> None:
    judge = load_classifier(
        str(folder),
        unsafe_labels=["harm", "hate"],
        refusal_labels=["declined"],
        batch_size=batch_size,
    )
    # 0.35 + 0.25 >= 0.5, though "fine" beats neither alone by much.
    assert judge.judge(exchanges("sorry", "bread bread bread bike", "bike bread")) == [
        Judgment(False, True, "declined 0.80"),
        Judgment(True, False, "harm 0.35"),
        Judgment(False, False, "fine 0.90"),
    ]
    assert (judge.id, judge.licence, judge.batch_size) == (str(folder), "MIT", batch_size)


@pytest.mark.parametrize(("threshold", "unsafe"), [(0.59, True), (0.61, False)])
def test_threshold(folder: Path, threshold: float, unsafe: bool) -> None:
    judge = load_classifier(str(folder), unsafe_labels=["harm", "hate"], threshold=threshold)
    assert judge.judge(exchanges("bike")) == [Judgment(unsafe, None, "harm 0.35")]


def test_labels_that_go_together_each_have_their_own_probability(tmp_path: Path) -> None:
    # Sigmoid: ln 3 is 0.75, -ln 3 is 0.25; the two of "bike" would add up to 0.5.
    third = math.log(3)
    save(
        tmp_path,
        {"bike": [-third, -third], "sorry": [third, -third]},
        ["harm", "hate"],
        "multi_label_classification",
    )
    judge = load_classifier(str(tmp_path), unsafe_labels=["harm", "hate"])
    assert [one.unsafe for one in judge.judge(exchanges("bike", "sorry"))] == [False, True]


def test_a_single_label_has_a_probability(tmp_path: Path) -> None:
    save(tmp_path, {"bike": [math.log(4)], "bread": [-math.log(4)]}, ["harm"], None)
    judge = load_classifier(str(tmp_path), unsafe_labels=["harm"])
    assert judge.judge(exchanges("bike", "bread")) == [
        Judgment(True, None, "harm 0.80"),
        Judgment(False, None, "harm 0.20"),
    ]


def test_what_does_not_fit_fails_and_a_pair_counts_as_a_whole(tmp_path: Path) -> None:
    save(tmp_path, {w: list(map(math.log, s)) for w, s in SHARES.items()}, length=5)
    both = Exchange("bread bread", "bread bread bike", "eng_Latn")  # 2 + <sep> + 3 tokens
    just = Exchange("bread", "bread bread bike", "eng_Latn")
    reply = load_classifier(str(tmp_path), unsafe_labels=["harm", "hate"])
    pair = load_classifier(str(tmp_path), unsafe_labels=["harm", "hate"], reads="pair")
    unsafe = Judgment(True, None, "harm 0.35")
    assert reply.judge([both, just]) == [unsafe, unsafe]
    too_long = Judgment(None, None, "6 tokens, 5 fit", "too_long")
    assert pair.judge([both, just]) == [too_long, unsafe]
    assert reply.revision != pair.revision


def test_roberta_counts_positions_behind_the_padding_token(tmp_path: Path) -> None:
    config = RobertaConfig(
        vocab_size=len(WORDS), hidden_size=8, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=8, max_position_embeddings=10, pad_token_id=0, type_vocab_size=1,
    )  # fmt: skip
    RobertaForSequenceClassification(config).save_pretrained(tmp_path)
    tokenizer(model_input_names=["input_ids", "attention_mask"]).save_pretrained(tmp_path)
    judge = load_classifier(str(tmp_path), unsafe_labels=["LABEL_1"])
    fits, over = judge.judge(exchanges("bike " * 9, "bike " * 10))
    assert fits.failure is None
    assert over == Judgment(None, None, "10 tokens, 9 fit", "too_long")


def test_numbers_that_are_none_are_no_judgment(tmp_path: Path) -> None:
    save(tmp_path, {"bread": [1.0, 0.0, 0.0, 0.0]}, broken="bike")
    judge = load_classifier(str(tmp_path), unsafe_labels=["harm"])
    broken, sound = judge.judge(exchanges("bike", "bread"))
    assert broken == Judgment(None, None, "", "not_a_number")
    assert sound.unsafe is False


def test_labels_that_the_model_does_not_have_are_refused_with_those_it_has(folder: Path) -> None:
    with pytest.raises(UsageError) as caught:
        load_classifier(str(folder), unsafe_labels=["harm", "toxic"], key="evaluate.judges.1")
    assert str(caught.value) == (
        f"evaluate.judges.1: unsafe_labels has toxic, which {folder} does not have; "
        "its labels are fine, harm, hate, declined"
    )
    with pytest.raises(UsageError, match="refusal_labels has Declined"):
        load_classifier(str(folder), refusal_labels=["Declined"])
    with pytest.raises(UsageError, match="its labels are fine, harm"):
        load_classifier(str(folder))


def test_models_that_would_guess_are_refused(tmp_path: Path) -> None:
    config = LlamaConfig(
        vocab_size=len(WORDS), hidden_size=8, intermediate_size=8, num_hidden_layers=1,
        num_attention_heads=2,
    )  # fmt: skip
    headless = tmp_path / "headless"
    LlamaForCausalLM(config).save_pretrained(headless)
    tokenizer().save_pretrained(headless)
    with pytest.raises(ModelError, match=r"lacks 1 weights, such as score\.weight"):
        load_classifier(str(headless), unsafe_labels=["LABEL_1"])

    number = save(tmp_path / "number", {}, ["score"], "regression")
    with pytest.raises(ModelError, match="gives a number"):
        load_classifier(str(number), unsafe_labels=["score"])

    with pytest.raises(ModelError, match=r"no config\.json"):
        load_classifier(str(tmp_path), unsafe_labels=["LABEL_1"])


def test_pickled_weights_are_refused(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match="pickled weights can run code"):
        load_classifier(str(folder), unsafe_labels=["harm"])


def test_damaged_weights_are_refused(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"\x00" * 100)
    with pytest.raises(ModelError, match="cannot load"):
        load_classifier(str(folder), unsafe_labels=["harm"])


def test_a_decoder_without_padding_pads_with_its_end_of_text(folder: Path) -> None:
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        (folder / name).unlink(missing_ok=True)
    tokenizer(pad_token=None, eos_token="<pad>").save_pretrained(folder)
    judge = load_classifier(str(folder), unsafe_labels=["harm", "hate"])
    judged = judge.judge(exchanges("bike", "bread bread bread"))
    assert [one.unsafe for one in judged] == [True, False]


def test_the_revision_holds_all_that_decides(folder: Path, tmp_path: Path) -> None:
    def revision(where: Path = folder, **settings: Any) -> str:
        return load_classifier(str(where), **{"unsafe_labels": ["harm"], **settings}).revision

    assert revision() == revision(batch_size=1)
    other = save(tmp_path / "other", {"bike": [1.0, 0.0, 0.0, 0.0]})
    made = {
        revision(),
        revision(other),
        revision(threshold=0.4),
        revision(unsafe_labels=["harm", "hate"]),
        revision(refusal_labels=["declined"]),
    }
    assert len(made) == 5
