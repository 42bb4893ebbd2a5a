"""Words of any script by their consonants."""

import pytest

from mlc_data.text.consonants import consonants


@pytest.mark.parametrize(
    "word",
    ["TRUMP", "Трамп", "ट्रम्प", "트럼프", "ترامپ", "ทรัมป์", "Τραμπ", "טראמפ", "ტრამპი", "ትራምፕ"],
)
def test_a_name_has_the_same_consonants_in_every_script(word: str) -> None:
    assert consonants(word) == consonants("Trump")


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("Pétain", "ptn"),
        ("Łódź", "lds"),
        ("ılık", "lk"),  # the dot matters to no consonant
        ("Straße", "strs"),
        ("トランプ", "trnp"),
        ("Ελλάδα", "ld"),
        ("мера", "mr"),  # letters whose names begin with a vowel
        ("पेतां", "ptn"),  # the sign of a nasal
        ("১৫০", "150"),
        ("٢٠٢٦", "2026"),
        ("北京", ""),
        ("aeiou", ""),
        ("", ""),
    ],
)
def test_consonants(word: str, expected: str) -> None:
    assert consonants(word) == expected


def test_sounds_that_languages_exchange_are_one() -> None:
    assert consonants("foto") == consonants("photo")
    assert consonants("kafka") == consonants("Cafca")
    assert consonants("Wagner") == consonants("Вагнер")
