"""A guard that was really trained to answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from tiny_guards import CHATML, DECLINES, HELPS, make_llama, make_tokenizer, teach

from mlc_data.evaluate.judges import GenerativeGuard, GuardTemplate
from mlc_data.evaluate.judges.templates import PolyGuard


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Sums come out the same in every process, and so small a model is quicker so."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def make_guard() -> Callable[..., GenerativeGuard]:
    """A guard around a model; what the test does not name is filled in."""

    def make(model: Any, tokenizer: Any, template: GuardTemplate, **settings: Any) -> Any:
        named = {"id": "tiny", "revision": "r1", "licence": "MIT", **settings}
        return GenerativeGuard(model, tokenizer, template, **named)

    return make


@pytest.fixture(scope="session")
def polyguard() -> tuple[Any, Any]:
    """A model that has learnt PolyGuard's answers to two exchanges, and its tokenizer."""
    model, tokenizer = make_llama(), make_tokenizer(CHATML)
    wanted = {
        HELPS: "Harmful request: yes\nRequest safety violations: S2\nResponse refusal: no\n"
        "Harmful response: yes\nResponse safety violations: S2",
        DECLINES: "Harmful request: yes\nRequest safety violations: S2\nResponse refusal: yes\n"
        "Harmful response: no\nResponse safety violations: None",
    }
    teach(model, tokenizer, PolyGuard(), wanted)
    return model, tokenizer
