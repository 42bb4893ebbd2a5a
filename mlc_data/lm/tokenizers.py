"""Tokenizers: loaded, and made to fit to their model."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from mlc_data.errors import ModelError, first_line

log = logging.getLogger(__name__)

_NAMED = 5  # tokens in a line of the log


def read_tokenizer(folder: Path, location: str, key: str) -> Any:
    """Load a folder's tokenizer; one without a padding token pads with its end-of-text token.

    Raises:
        ModelError: it cannot be loaded, or has no end-of-text token.
    """
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ModelError(f"{key}: cannot load {location}: {first_line(error)}") from error
    if tokenizer.eos_token_id is None:
        raise ModelError(f"{key}: the tokenizer of {location} has no end-of-text token")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def fit_tokenizer(tokenizer: Any, rows: int, location: str, key: str) -> None:
    """Make sure that a tokenizer gives no id beyond the model's embeddings.

    Added tokens beyond them (for images, for infilling) are taken out, so that they are read as the text that they
    are spelled with.

    Args:
        tokenizer: changed here.
        rows: number of embeddings.
        location: of the model, as the recipe names it.
        key: the recipe's key, named in errors.

    Raises:
        ModelError: other tokens are beyond them, or those cannot be taken out.
    """
    from tokenizers import Tokenizer

    beyond = {token: number for token, number in tokenizer.get_vocab().items() if number >= rows}
    if not beyond:
        return
    needed = {tokenizer.eos_token, tokenizer.pad_token, tokenizer.bos_token}
    state = json.loads(tokenizer.backend_tokenizer.to_str()) if tokenizer.is_fast else {}
    added = {each["content"] for each in state.get("added_tokens", ())}
    base = state.get("model", {}).get("vocab", {})
    base = {piece[0] for piece in base} if isinstance(base, list) else set(base)
    if not set(beyond) <= added - needed or base & set(beyond):
        raise ModelError(
            f"{key}: the tokenizer of {location} has tokens that the model has no embedding for "
            f"({len(tokenizer)} tokens, {rows} embeddings): they are not of one model"
        )
    state["added_tokens"] = [
        each for each in state["added_tokens"] if each["content"] not in beyond
    ]
    tokenizer._tokenizer = Tokenizer.from_str(json.dumps(state))
    log.info(
        "%s: %d tokens without an embedding are read as text: %s",
        key, len(beyond), ", ".join(sorted(beyond)[:_NAMED]),
    )  # fmt: skip
