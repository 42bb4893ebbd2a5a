"""A guard that was really trained to answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from alignment_fixtures import one_thread
from guard_training import DECLINES, HELPS, guard_model, guard_tokenizer, teach
from tiny_models import CHATML

from mlc_data.evaluate.judges import GenerativeGuard, GuardTemplate
from mlc_data.evaluate.judges.templates import PolyGuard

__all__ = ["one_thread"]


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
    model, tokenizer = guard_model(), guard_tokenizer(CHATML)
    wanted = {
        HELPS: "Harmful request: yes\nRequest safety violations: S2\nResponse refusal: no\n"
        "Harmful response: yes\nResponse safety violations: S2",
        DECLINES: "Harmful request: yes\nRequest safety violations: S2\nResponse refusal: yes\n"
        "Harmful response: no\nResponse safety violations: None",
    }
    teach(model, tokenizer, PolyGuard(), wanted)
    return model, tokenizer
