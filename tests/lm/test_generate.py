"""Replies: batches give what one prompt at a time gives, and what ends a reply."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch

from mlc_data.errors import MlcDataError
from mlc_data.lm.generate import NEXT_TURN, _reply, generate
from mlc_data.lm.perplexity import perplexity
from mlc_data.lm.prompt_format import PromptFormat
from mlc_data.lm.reply import Reply

PROMPTS = [
    "How do I mend a car?",
    "Vipi?",
    "怎么修理汽车？",
    "A far longer prompt, to be padded to.",
]


def replies(model: Any, tokenizer: Any, prompts: Sequence[str], **options: Any) -> list[Reply]:
    found: dict[int, Reply] = {}
    generate(
        model, tokenizer, prompts, lambda places, made: found.update(zip(places, made, strict=True)),
        **options,
    )  # fmt: skip
    return [found[place] for place in range(len(prompts))]


def greedy(model: Any, tokenizer: Any, prompt: str, limit: int) -> list[int]:
    """Token by token, without a cache."""
    ids = PromptFormat(tokenizer).tokens(prompt)
    start = len(ids)
    with torch.no_grad():
        while len(ids) < start + limit:
            ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
            if ids[-1] == tokenizer.eos_token_id:
                break
    return ids[start:]


def test_batches_with_padding_give_what_a_plain_loop_gives(llama: Any, tokenizer: Any) -> None:
    llama.generation_config.update(pad_token_id=1, eos_token_id=1)
    made = replies(llama, tokenizer, PROMPTS, max_new_tokens=12, batch_size=3)
    for prompt, reply in zip(PROMPTS, made, strict=True):
        expected = greedy(llama, tokenizer, prompt, 12)
        ended = expected[-1] == tokenizer.eos_token_id
        own = expected[:-1] if ended else expected
        text = tokenizer.decode(own, skip_special_tokens=True)
        assert reply.text == (text if ended else text.removesuffix("\ufffd")).strip()
        assert (reply.tokens, reply.finished) == (len(own), ended)


def test_a_models_own_sampling_has_no_part(llama: Any, tokenizer: Any) -> None:
    llama.generation_config.update(pad_token_id=1, eos_token_id=1)
    plain = replies(llama, tokenizer, PROMPTS, max_new_tokens=6)
    llama.generation_config.update(do_sample=True, temperature=50.0, num_beams=1)
    assert replies(llama, tokenizer, PROMPTS, max_new_tokens=6) == plain


def test_a_reply_ends_where_the_model_goes_on_as_the_user(llama: Any, tokenizer: Any) -> None:
    tokenizer = type(tokenizer)(tokenizer_object=tokenizer._tokenizer, eos_token="<|im_end|>")
    tokenizer.pad_token = tokenizer.eos_token
    assert NEXT_TURN == "\nUser:"
    said = tokenizer(" Yes.\nUser: And then?")["input_ids"]

    class Says(torch.nn.Module):
        """Always the same words, whatever it is asked."""

        generation_config = llama.generation_config
        device = torch.device("cpu")

        def generate(self, input_ids: torch.Tensor, **_: Any) -> torch.Tensor:
            words = torch.tensor([said]).expand(len(input_ids), -1)
            return torch.cat([input_ids, words], dim=1)

    llama.generation_config.update(pad_token_id=1, eos_token_id=1)
    (reply,) = replies(Says(), tokenizer, ["Really?"])
    assert (reply.text, reply.finished) == ("Yes.", True)


@pytest.mark.parametrize(("limit", "text"), [(3, "我"), (5, "我"), (6, "我们")])
def test_a_limit_within_a_character_breaks_nothing(
    llama: Any, tokenizer: Any, limit: int, text: str
) -> None:
    said = tokenizer("我们")["input_ids"]
    assert len(said) == 6  # bytes
    reply = _reply(said[:limit], PromptFormat(tokenizer), [tokenizer.eos_token_id])
    assert (reply.text, reply.tokens, reply.finished) == (text, limit, False)
    ended = [*said[:4], tokenizer.eos_token_id]
    broken = _reply(ended, PromptFormat(tokenizer), [tokenizer.eos_token_id])
    assert broken.text.endswith("\ufffd")  # this one is the model's doing


@pytest.mark.parametrize(
    ("opened", "begins"), [("<think>\n", True), ("<think>\n\n</think>\n\n", False), ("", False)]
)
def test_reasoning_that_the_template_begins_is_marked(
    llama: Any, tokenizer: Any, opened: str, begins: bool
) -> None:
    llama.generation_config.update(pad_token_id=1, eos_token_id=1)
    tokenizer = type(tokenizer)(tokenizer_object=tokenizer._tokenizer, eos_token="<|im_end|>")
    tokenizer.pad_token = tokenizer.eos_token
    tokenizer.chat_template = (
        "{% for m in messages %}{{ m.content }}\n{% endfor %}"
        "{% if add_generation_prompt %}A: " + opened.replace("\n", "{{ '\\n' }}") + "{% endif %}"
    )
    (reply,) = replies(llama, tokenizer, ["How? <think>"], max_new_tokens=3)
    assert reply.text.startswith("<think>") is begins


def test_perplexity_is_that_of_the_models_own_loss(llama: Any, tokenizer: Any) -> None:
    texts = ["A first text.", "The second one is a little longer.", "", "x"]
    found = perplexity(llama, tokenizer, texts)
    total, tokens = 0.0, 0
    for text in texts[:2]:
        ids = torch.tensor([tokenizer(text)["input_ids"]])
        loss = llama(ids, labels=ids).loss
        total += float(loss) * (ids.shape[1] - 1)
        tokens += ids.shape[1] - 1
    assert found.perplexity == pytest.approx(float(torch.tensor(total / tokens).exp()), rel=1e-5)
    assert (found.texts, found.tokens, found.empty) == (2, tokens, 2)


def test_a_long_text_is_measured_in_windows_and_whole(llama: Any, tokenizer: Any) -> None:
    text = "abcdefghij" * 3
    found = perplexity(llama, tokenizer, [text], window=8)
    windows = [text[start : start + 8] for start in range(0, 30, 8)]
    assert found.tokens == sum(len(window) - 1 for window in windows)
    apart = perplexity(llama, tokenizer, windows)
    assert found.perplexity == pytest.approx(apart.perplexity)


def test_nothing_to_measure_is_an_error(llama: Any, tokenizer: Any) -> None:
    with pytest.raises(MlcDataError, match="no text has two tokens"):
        perplexity(llama, tokenizer, ["", "x"])
