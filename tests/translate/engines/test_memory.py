"""A batch that does not fit into memory is halved, with the same hypotheses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from mlc_data.errors import MlcDataError
from mlc_data.recipe.recipe import Translate
from mlc_data.translate.engines.base import Request
from mlc_data.translate.engines.ctranslate2 import Ct2Translator
from mlc_data.translate.engines.loading import load_translator

PROMPTS = [
    "How do I bake bread?",
    "How do I wash a car?",
    "I want to know how to wash a car.",
    "Why?",
]
REQUESTS = [
    Request(text, "eng_Latn", code) for text in PROMPTS for code in ("spa_Latn", "swh_Latn")
]


def engine() -> Any:
    return load_translator(Translate(model="package://mlc_data/quickstart/model", beam_size=1))


def limited(patch: pytest.MonkeyPatch, most: int) -> list[int]:
    """Let batches of more than ``most`` sentences run out of memory; return the sizes that were tried."""
    sizes: list[int] = []
    results = Ct2Translator._results

    def fails(self: Ct2Translator, started: Sequence[Any]) -> list[Any]:
        sizes.append(len(started))
        if len(started) > most:
            raise RuntimeError("CUDA failed with error out of memory")
        return results(self, started)

    patch.setattr(Ct2Translator, "_results", fails)
    return sizes


def test_a_batch_is_halved(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = engine().translate(REQUESTS)
    sizes = limited(monkeypatch, 1)
    assert [made.text for made in engine().translate(REQUESTS)] == [made.text for made in whole]
    assert max(sizes) > 1


def test_a_sentence_that_does_not_fit_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    limited(monkeypatch, 0)
    with pytest.raises(MlcDataError, match="ran out of memory on a single sentence"):
        engine().translate(REQUESTS)
