"""Numbers, addresses and placeholders."""

from collections.abc import Callable

import polars as pl
import pytest

from mlc_data.checks import Preserved

Rows = Callable[..., pl.DataFrame]


def scores(
    rows: Rows, source: str, text: str, language: str = "swh_Latn"
) -> tuple[float, float, float]:
    spans, numbers, added, _ = Preserved().score(rows((source, text, language))).row(0)
    return spans, numbers, added


@pytest.mark.parametrize(
    ("source", "text", "language", "expected"),
    [
        ("no numbers", "hakuna", "swh_Latn", (1, 0)),
        ("in 2019", "mwaka 2019", "swh_Latn", (1, 0)),
        ("in 2019", "mwaka 2018", "swh_Latn", (0, 1)),
        ("in 2019 and 2019", "mwaka 2019", "swh_Latn", (0.5, 0)),
        ("in 2019", "2019 2019", "swh_Latn", (1, 1)),
        # The digits of other scripts: Arabic-Indic, Persian, Devanagari, Bengali, full width.
        ("at 12", "١٢", "swh_Latn", (1, 0)),
        ("at 45", "۴۵", "swh_Latn", (1, 0)),
        ("at 12", "१२", "swh_Latn", (1, 0)),
        ("at 12", "১২", "swh_Latn", (1, 0)),
        ("at 12", "１２", "swh_Latn", (1, 0)),
        # Separators differ between languages.
        ("1,000 people", "1.000 Menschen", "deu_Latn", (1, 0)),
        ("1,000 people", "1000 Menschen", "deu_Latn", (1, 0)),
        ("1,000 people", "1 000 personnes", "fra_Latn", (1, 0)),
        ("1,000 people", "1\u202f000 personnes", "fra_Latn", (1, 0)),
        ("3.5 kg", "3,5 kg", "swh_Latn", (1, 0)),
        ("3.5 kg", "٣٫٥", "swh_Latn", (1, 0)),
        ("1,50,000", "150,000", "swh_Latn", (1, 0)),
        ("at 7:30", "7.30", "swh_Latn", (1, 0)),
        ("at 7:30", "7h30", "swh_Latn", (1, 0)),
        # Large numbers are put in words, each language in its own.
        ("1.5 million people", "150万人", "zho_Hans", (1, 0)),
        ("380,000 people", "38万人", "zho_Hans", (1, 0)),
        ("3 billion", "30亿", "zho_Hans", (1, 0)),
        ("1,000 people", "1 тыс. человек", "rus_Cyrl", (1, 0)),
        ("30,000 people", "300 ألف", "arb_Arab", (0, 1)),  # a true mistake: ten times too many
        ("3 p.m.", "15 Uhr", "deu_Latn", (1, 0)),
        ("3pm", "15 Uhr", "deu_Latn", (1, 0)),
        ("the 1990s", "90年代", "zho_Hans", (1, 0)),
        ("the 19th century", "el siglo XIX", "spa_Latn", (1, 0)),  # ordinals are put in words
        ("5 dogs", "五只狗", "zho_Hans", (1, 0)),
        # Words of the prompt that become digits are no additions.
        ("three dogs in May", "5月3只狗", "zho_Hans", (1, 0)),
        ("dogs", "7 mbwa", "swh_Latn", (1, 1)),
        (
            "step 1: see https://example.com/42",
            "hatua 1: https://example.com/42",
            "swh_Latn",
            (1, 0),
        ),
    ],
)
def test_numbers(
    rows: Rows, source: str, text: str, language: str, expected: tuple[float, int]
) -> None:
    assert scores(rows, source, text, language)[1:] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("source", "text", "share"),
    [
        ("none", "hakuna", 1),
        ("go to https://a.example/x?y=1.", "nenda https://a.example/x?y=1。", 1),
        ("go to https://a.example/x", "打开https://a.example/x，好", 1),
        ("go to https://a.example/x", "nenda https://a.example", 0),
        ("see WWW.site.org or example.com", "ona www.site.org au Example.com", 1),
        ("mail a.b+c@mail.example.org", "a.b+c@mail.example.org", 1),
        ("mail a.b+c@mail.example.org", "a.b @mail.example.org", 0),
        ("Dear {name}, {{x}} %s %(n)d <b>[NAME]</b>", "{name} {{x}} %s %(n)d <b>[NAME]</b>", 1),
        ("Dear {name} and {name}", "Bwana {name}", 0.5),
        ("Dear {Name}", "Bwana {name}", 0),
        ("Dear {name}", "Bwana {jina}", 0),
        ("50% of a < b", "50% ya a", 1),
    ],
)
def test_spans(rows: Rows, source: str, text: str, share: float) -> None:
    assert scores(rows, source, text)[0] == pytest.approx(share)


def test_what_is_lost_or_made_up_does_not_pass(
    rows: Rows, judged: Callable[[Preserved, pl.DataFrame], pl.DataFrame]
) -> None:
    table = rows(
        ("pay 20 to {name}", "lipa 20 kwa {name}"),
        ("pay 20 to {name}", "lipa kwa {name}"),
        ("pay 20 to {name}", "lipa 20"),
        ("pay", "lipa 3, 4, 5"),
    )
    assert judged(Preserved(), table)["passes"].to_list() == [True, False, False, False]
