"""Variants that different prompts share."""

from __future__ import annotations

import gc
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import polars as pl
import pytest

from mlc_data.checks import Duplicate
from mlc_data.checks.base import Check
from mlc_data.checks.duplicate.shingles import BANDS, MINIMA, jaccard, plain, runs, signatures

Rows = Callable[..., pl.DataFrame]

SHARED = "Samahani, siwezi kukusaidia na jambo hili leo."
PROMPTS = (
    "How do I repair the brakes of an old bicycle?",
    "Which mushrooms in this forest are poisonous?",
    "Write a poem about the sea at night.",
    "What did the parliament decide on Monday?",
)


def scores(table: pl.DataFrame, asked: pl.DataFrame | None = None) -> list[float]:
    check = prepared(table)
    return check.score(table if asked is None else asked)["duplicate_similarity"].to_list()


def prepared(table: pl.DataFrame) -> Check:
    part = max(3, table.height // 40)
    return Duplicate().prepared(lambda: table.iter_slices(part))


def unlike(number: int, seed: int = 1) -> list[str]:
    """Sentences of made-up words, no two alike."""
    chance = random.Random(seed)
    return [
        " ".join("".join(chance.choices("abdefgiklmnoprstuwz", k=6)) for _ in range(9))
        for _ in range(number)
    ]


@pytest.mark.parametrize(
    "other",
    [
        SHARED,
        "  samahani SIWEZI kukusaidia, na jambo hili leo!! ",
        "Samahani, siwezi kukusaidia na jambo hili kesho.",
        "Samahani, siwezi kukusaidia na jambo lile leo.",
    ],
)
def test_different_prompts_with_the_same_variant_are_duplicates(rows: Rows, other: str) -> None:
    table = rows(
        (PROMPTS[0], SHARED),
        (PROMPTS[1], other),
        (PROMPTS[2], "Andika shairi kuhusu bahari usiku."),
    )
    found = scores(table)
    assert min(found[:2]) > 0.5
    assert found[2] == 0
    check = prepared(table)
    assert check.score(table).select(good=check_passes(check, table))["good"].to_list() == [
        False, False, True,
    ]  # fmt: skip


def check_passes(check: Check, table: pl.DataFrame) -> pl.Series:
    return table.select("language").hstack(check.score(table)).select(check.passes()).to_series()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("How do I build a fire?", "how do I build a fire"),
        ("How do I build a fire?", "How can I build a fire, please?"),
        ("How do I build a fire in the rain?", "How do I build a fire in the snow?"),
    ],
)
def test_like_prompts_may_have_like_variants(rows: Rows, one: str, other: str) -> None:
    text = "Ninawezaje kuwasha moto wakati wa mvua?"
    assert max(scores(rows((one, text), (other, text)))) <= 0.5


def test_the_row_that_comes_back_best_is_not_blamed(rows: Rows) -> None:
    text = "Ni uyoga gani katika msitu huu wenye sumu?"
    back = "Which mushrooms in this forest have poison?"
    table = rows(*((prompt, text, "swh_Latn", back) for prompt in PROMPTS))
    assert [score > 0.5 for score in scores(table)] == [True, False, True, True]
    without = rows(*((prompt, text) for prompt in PROMPTS))
    assert min(scores(without)) > 0.5


def test_all_are_duplicates_where_nothing_comes_back(rows: Rows) -> None:
    back = "I am sorry, I cannot help."
    assert min(scores(rows(*((prompt, SHARED, "swh_Latn", back) for prompt in PROMPTS)))) > 0.5


def test_languages_are_apart(rows: Rows) -> None:
    table = rows((PROMPTS[0], SHARED, "swh_Latn"), (PROMPTS[1], SHARED, "spa_Latn"))
    assert scores(table) == [0, 0]


@pytest.mark.parametrize("language", ["zho_Hans", "jpn_Jpan", "tha_Thai"])
def test_languages_without_blanks(rows: Rows, language: str) -> None:
    same, different = "对不起，我不能回答这个问题。", "今晚海边的月亮很圆，风也很大。"
    table = rows(
        (PROMPTS[0], same, language),
        (PROMPTS[1], same.replace("，", " "), language),
        (PROMPTS[2], different, language),
    )
    assert scores(table) == [pytest.approx(1, abs=0.3), pytest.approx(1, abs=0.3), 0]


def test_the_same_variant_for_every_prompt(rows: Rows) -> None:
    table = rows(*((prompt, "Sijui.") for prompt in unlike(500)))
    assert min(scores(table)) > 0.5


def test_planted_among_many(rows: Rows) -> None:
    prompts, texts = unlike(3000), unlike(3000, seed=2)
    for number in range(0, 200, 2):
        texts[number + 1] = texts[number].upper() + "."
    found = scores(rows(*zip(prompts, texts, strict=True)))
    assert min(found[:200]) > 0.5
    assert max(found[200:]) == 0


def test_symbols_and_nothing(rows: Rows) -> None:
    table = rows(
        (PROMPTS[0], "…"),
        (PROMPTS[1], "…"),
        (PROMPTS[2], ""),
        (PROMPTS[3], ""),
        ("", "a"),
        ("", "a"),
    )
    assert [score > 0.5 for score in scores(table)] == [True, True, False, False, False, False]


def test_another_attempt_is_compared_with_first_translations(rows: Rows) -> None:
    table = rows(
        {"source": PROMPTS[0], "text": SHARED},
        {"source": PROMPTS[1], "text": "Uyoga upi una sumu?"},
    )
    own, other = table["prompt_id"].to_list()

    def attempt(prompt_id: str, text: str) -> pl.DataFrame:
        made = rows((PROMPTS[0], text))
        return made.with_columns(prompt_id=pl.lit(prompt_id))

    attempts = pl.concat(
        [
            attempt(own, SHARED),
            attempt(own, SHARED.upper()),
            attempt(own, "Uyoga upi una sumu!"),
            attempt(own, "Nitarekebishaje breki za baiskeli?"),
            attempt(other, SHARED),
        ]
    )
    found = scores(table, attempts)
    assert [score > 0.5 for score in found] == [False, False, True, False, False]
    # The last has the prompt of the first: like prompts.
    mended = attempts.tail(1).with_columns(source=pl.lit(PROMPTS[1]))
    assert scores(table, mended)[0] > 0.5


def test_an_index_of_many_parts_changes_nothing(
    rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = unlike(20)
    table = rows(*zip(unlike(40, seed=3), texts * 2, strict=True))
    before = scores(table)
    monkeypatch.setattr("mlc_data.checks.duplicate.sorted_keys.AT_ONCE", 4)
    monkeypatch.setattr("mlc_data.checks.duplicate.sorted_keys.BLOCK", 3)
    assert scores(table) == before
    assert min(before) > 0.5


def test_the_translations_are_read_twice_however_many_they_are(rows: Rows) -> None:
    table = rows(*zip(unlike(200, seed=3), unlike(100) * 2, strict=True))
    begun = []

    def parts() -> Iterator[pl.DataFrame]:
        begun.append(1)
        return table.iter_slices(10)

    Duplicate().prepared(parts)
    assert len(begun) == 2


def test_it_has_to_see_all_translations_first(rows: Rows) -> None:
    with pytest.raises(ValueError, match="prepared"):
        Duplicate().score(rows((PROMPTS[0], SHARED)))


def test_a_variant_takes_little_memory(rows: Rows) -> None:
    table = rows(*zip(unlike(1000), unlike(1000, seed=2), strict=True))
    check: Any = prepared(table)
    index = check.corpus.index
    assert sum(keys.nbytes for keys in (*index.bands, index.texts)) <= 2 * table.height
    assert len(index.scores) == 0
    files = (*(f"band-{band}" for band in range(BANDS)), "texts", "rows")
    assert sum((check.corpus.folder / name).stat().st_size for name in files) <= 72 * table.height


def test_the_folder_of_a_check_in_memory_goes_with_it(rows: Rows) -> None:
    check: Any = prepared(rows((PROMPTS[0], SHARED)))
    folder = check.corpus.folder
    assert folder.is_dir()
    del check
    gc.collect()
    assert not folder.exists()


@pytest.mark.integration
def test_signatures_are_the_same_in_every_process() -> None:
    line = (
        "import polars as pl; from mlc_data.checks.duplicate.shingles import signatures; "
        "s = signatures(pl.DataFrame({'prompt_id': ['a'], 'language': ['swh_Latn'], "
        "'text': ['Habari ya asubuhi']})); print(s.bands.tolist(), s.texts, s.prompts)"
    )
    given = {
        subprocess.run(
            [sys.executable, "-c", line], capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    }
    assert len(given) == 1
    table = pl.DataFrame(
        {"prompt_id": ["a"], "language": ["swh_Latn"], "text": ["Habari ya asubuhi"]}
    )
    assert str(signatures(table).bands.tolist()) in given.pop()


def test_like_texts_share_a_band_as_often_as_they_should() -> None:
    texts = unlike(400)
    nearly = [text.replace(text.split()[4], "xyzxyz") for text in texts]
    both = pl.DataFrame(
        {"prompt_id": ["a"] * 800, "language": ["swh_Latn"] * 800, "text": texts + nearly}
    )
    made = signatures(both)
    found = (made.bands[:400] == made.bands[400:]).any(axis=1).mean()
    alike = [
        jaccard(runs(one, spaced=True), runs(other, spaced=True))
        for one, other in zip(texts, nearly, strict=True)
    ]
    assert 0.7 < min(alike) < max(alike) < 0.8
    expected = sum(1 - (1 - share**MINIMA) ** BANDS for share in alike) / len(alike)
    assert found == pytest.approx(expected, abs=0.04)


def test_plain_texts() -> None:
    texts = pl.Series(["  ＡＢ, c’d ", "我 想。", "?! ?", ""])
    languages = pl.Series(["swh_Latn", "zho_Hans", "swh_Latn", "swh_Latn"])
    assert plain(texts, languages).to_list() == ["ab c d", "我想", "?!?", ""]
