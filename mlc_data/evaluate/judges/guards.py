"""Guard models: causal language models that were trained to judge, prompted in their own format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from mlc_data.core.hashing import hash_value
from mlc_data.core.memory import in_halves
from mlc_data.errors import ModelError, UsageError
from mlc_data.evaluate.judges.base import KEY, Exchange, Judgment, failed
from mlc_data.evaluate.judges.templates import PROBE, GuardTemplate, template_hash
from mlc_data.lm.loading import default_device, device_dtype, load_model

_NO_LIMIT = 10**9  # transformers says 1e30 where a tokenizer has no greatest length


class GenerativeGuard:
    """A judge that generates its answer, greedily.

    Nothing is truncated: an exchange that does not fit fails as ``too_long``, one that the model's chat template
    shows only in part as ``not_rendered``, and an answer that cannot be read as ``unreadable_answer``. Control
    tokens that are spelled out in a prompt or a reply are tokenized as text, so a reply cannot end its turn and
    answer for the guard.

    Args:
        model: a causal language model of transformers.
        tokenizer: its tokenizer, with a chat template.
        template: its format.
        id: its name.
        revision: of its weights; the attribute `revision` adds everything else that determines its judgments.
        licence: of its weights.
        batch_size: exchanges in a forward pass (>= 1).
        max_length: largest number of tokens of instruction, prompt and reply together; None: the model's limit.
        key: the recipe's key, named in errors.

    Raises:
        ModelError: the tokenizer has no chat template, or one that does not show both texts.
        UsageError: the instruction alone is longer than ``max_length``.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        template: GuardTemplate,
        *,
        id: str,
        revision: str,
        licence: str,
        batch_size: int = 8,
        max_length: int | None = None,
        key: str = KEY,
    ) -> None:
        self._model, self._tokenizer, self._template = model.eval(), tokenizer, template
        self.id, self.licence, self.batch_size, self._key = id, licence, batch_size, key
        self._options = {"add_generation_prompt": template.opens_answer(model.config.model_type)}
        self._in_parts = self._wants_parts()
        self._limit = self._most_tokens(max_length)
        least = len(self._tokens(PROBE))
        if least > self._limit:
            raise UsageError(
                f"{key}: {id} has room for {self._limit} tokens, and the template {template.name} "
                f"takes {least} for the shortest exchange: increase max_length"
            )
        identity = [
            template_hash(template), tokenizer.chat_template, str(model.dtype), self._limit,
        ]  # fmt: skip
        self.revision = f"{revision}+{hash_value(identity)[:8]}"

    def judge(self, exchanges: Sequence[Exchange]) -> list[Judgment]:
        """Return one judgment for each exchange, in order."""
        judged: dict[int, Judgment] = {}
        fitting: list[tuple[int, list[int]]] = []
        for number, exchange in enumerate(exchanges):
            if not self._shows(exchange, self._in_parts):
                judged[number] = failed("not_rendered")
                continue
            tokens = self._tokens(exchange)
            if len(tokens) > self._limit:
                judged[number] = failed("too_long", f"{len(tokens)} tokens, {self._limit} fit")
            else:
                fitting.append((number, tokens))
        fitting.sort(key=lambda pair: len(pair[1]))  # little padding
        for start in range(0, len(fitting), self.batch_size):
            batch = fitting[start : start + self.batch_size]
            answers = in_halves(self._answers, [tokens for _, tokens in batch])
            for (number, _), answer in zip(batch, answers, strict=True):
                judged[number] = self._template.read(answer)
        return [judged[number] for number in range(len(exchanges))]

    def _answers(self, rows: Sequence[list[int]]) -> list[str]:
        import torch
        from transformers import GenerationConfig

        settings, tokenizer = self._model.generation_config, self._tokenizer
        padding = tokenizer.pad_token_id
        padding = tokenizer.eos_token_id if padding is None else padding
        longest = max(map(len, rows))
        # Padding on the left, so that all answers begin at the same position.
        ids = torch.tensor([[padding] * (longest - len(row)) + row for row in rows])
        mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows])
        ends = settings.eos_token_id
        greedy = GenerationConfig(
            do_sample=False,
            num_beams=1,
            max_new_tokens=self._template.answer_tokens,
            eos_token_id=tokenizer.eos_token_id if ends is None else ends,
            pad_token_id=padding,
            # Explicit, because transformers takes missing values from the model's own settings.
            temperature=1.0,
            top_p=1.0,
            top_k=50,
            repetition_penalty=1.0,
            no_repeat_ngram_size=0,
        )
        device = self._model.device
        with torch.inference_mode():
            generated = self._model.generate(
                ids.to(device), attention_mask=mask.to(device), generation_config=greedy
            )
        decoded: list[str] = tokenizer.batch_decode(
            generated[:, longest:], skip_special_tokens=True
        )
        return decoded

    def _tokens(self, exchange: Exchange) -> list[int]:
        tokens: list[int] = self._tokenizer.apply_chat_template(
            self._messages(exchange, self._in_parts),
            tokenize=True,
            return_dict=False,
            sanitize_control_tokens=True,
            **self._options,
        )
        return tokens

    def _messages(self, exchange: Exchange, in_parts: bool) -> Sequence[Mapping[str, Any]]:
        messages = self._template.messages(exchange)
        if not in_parts:
            return messages
        return [
            {"role": message["role"], "content": [{"type": "text", "text": message["content"]}]}
            for message in messages
        ]

    def _wants_parts(self) -> bool:
        """Return whether the chat template takes a text as a list of parts.

        Those of Llama Guard 3 1B and Llama Guard 4 do, and silently drop a plain string.
        """
        if not self._tokenizer.chat_template:
            raise ModelError(f"{self._key}: the tokenizer of {self.id} has no chat template")
        for in_parts in (False, True):
            if self._shows(PROBE, in_parts):
                return in_parts
        raise ModelError(
            f"{self._key}: the chat template of {self.id} does not show prompt and reply as the template "
            f"{self._template.name} gives them: is it a guard of that kind?"
        )

    def _shows(self, exchange: Exchange, in_parts: bool) -> bool:
        from jinja2 import TemplateError

        messages = self._messages(exchange, in_parts)
        try:
            text = self._tokenizer.apply_chat_template(messages, tokenize=False, **self._options)
        except (TemplateError, TypeError):  # it adds a list to a string, or refuses the roles
            return False
        return all(
            message["content"].strip() in text for message in self._template.messages(exchange)
        )

    def _most_tokens(self, max_length: int | None) -> int:
        """Return the largest number of tokens of an exchange that leaves room for the answer."""
        config = self._model.config.get_text_config()
        known = [
            getattr(config, "max_position_embeddings", None), self._tokenizer.model_max_length,
        ]  # fmt: skip
        room = min(int(limit) for limit in (*known, _NO_LIMIT) if limit is not None)
        room -= self._template.answer_tokens
        return room if max_length is None else min(room, max_length)


def load_guard(
    location: str,
    template: GuardTemplate,
    *,
    revision: str | None = None,
    dtype: Literal["auto", "float32", "bfloat16"] = "auto",
    batch_size: int = 8,
    max_length: int | None = None,
    key: str = KEY,
) -> GenerativeGuard:
    """Load a guard from a folder, a .gguf file or the Hub, on the GPU if there is one. See `GenerativeGuard`.

    ``dtype`` is that of the weights; with ``auto`` the device's (`device_dtype`).

    Raises:
        ModelError: it cannot be loaded, or is not a guard of the template's kind.
    """
    loaded = load_model(location, revision, device_dtype() if dtype == "auto" else dtype, key)
    return GenerativeGuard(
        loaded.model.to(default_device()),
        loaded.tokenizer,
        template,
        id=loaded.record.id,
        revision=loaded.record.revision,
        licence=loaded.record.licence,
        batch_size=batch_size,
        max_length=max_length,
        key=key,
    )
