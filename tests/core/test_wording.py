"""Values in words."""

from __future__ import annotations

from mlc_data.core.wording import in_words


def test_keys_and_values_are_joined_without_braces_or_quotes() -> None:
    assert in_words({"round_trip": 3, "copied": 1}) == "round_trip 3, copied 1"


def test_an_empty_mapping_is_none() -> None:
    assert in_words({}) == "none"


def test_the_word_for_an_empty_mapping_can_be_chosen() -> None:
    assert in_words({}, "it is empty") == "it is empty"
