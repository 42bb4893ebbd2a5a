"""Evidence between prompt and variant that needs no back-translation."""

import polars as pl
import pytest

from mlc_data.checks.cognates import evidence, nearest

PROMPT = "Donald Trump attacked 150 companies in Detroit"
MADE_UP = "The Commission concludes that the aid is compatible with the market"
VARIANTS = {
    "ron_Latn": "Donald Trump a atacat 150 de companii din Detroit",
    "rus_Cyrl": "Дональд Трамп атаковал 150 компаний в Детройте",
    "hin_Deva": "डोनाल्ड ट्रम्प ने डेट्रॉइट में 150 कंपनियों पर हमला किया",
}


def found(source: str, text: str, back: str) -> float:
    (value,) = evidence(pl.Series([source]), pl.Series([text]), pl.Series([back]))
    return value


@pytest.mark.parametrize("text", VARIANTS.values(), ids=VARIANTS)
def test_a_right_variant_resembles_its_prompt_more_than_another(text: str) -> None:
    assert found(PROMPT, text, MADE_UP) > 2 * found("Angela Merkel met 200 guests", text, MADE_UP)
    assert found(PROMPT, text, MADE_UP) > 0.2


@pytest.mark.parametrize("text", VARIANTS.values(), ids=VARIANTS)
def test_a_back_translation_that_has_the_names_is_not_made_up(text: str) -> None:
    assert found(PROMPT, text, "Donald Trump bought 150 houses in Detroit") == 0


def test_english_that_was_left_is_no_evidence() -> None:
    assert found("Describe the quiet river", "Describe the quiet river", MADE_UP) == 0


def test_addresses_are_no_evidence() -> None:
    source, text = "Open https://example.org/a1 for me", "Offne https://example.org/a1 bitte"
    assert found(source, text, MADE_UP) == found("Open for me", "Offne bitte", MADE_UP)


@pytest.mark.parametrize(("text", "back"), [("", MADE_UP), (VARIANTS["ron_Latn"], "")])
def test_silence_is_no_evidence(text: str, back: str) -> None:
    assert found(PROMPT, text, back) == 0


def test_the_nearest_prompt_is_another_one() -> None:
    sources = ["Trump in Detroit", "Trump in Detroit", "Merkel in Berlin", "Trump in Denver"]
    texts = ["Трамп в Детройте", "Трамп в Детройте", "Меркель в Берлине", "Трамп в Денвере"]
    one, same, other, last = nearest(pl.Series(sources), pl.Series(texts))
    assert one == same < 1
    assert other == 0
    assert 0 < one < 0.9
    assert last > 0


def test_many_texts_are_compared_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = pl.Series([f"{name} {i}" for i, name in enumerate(VARIANTS.values())])
    whole = nearest(texts, texts).to_list()
    monkeypatch.setattr("mlc_data.checks.cognates._AT_ONCE", 3)
    assert nearest(texts, texts).to_list() == whole
