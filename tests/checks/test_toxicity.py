"""Words of the user's lists, made up or lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from mlc_data.checks import Check, Toxicity
from mlc_data.checks.scoring import build_checks
from mlc_data.checks.toxicity import ToxicityCheck
from mlc_data.checks.word_lists import load_word_lists
from mlc_data.errors import RecipeError, SourceError
from mlc_data.execute import preflight
from mlc_data.pipeline.run import Run
from mlc_data.recipe.loading import parse_recipe

Rows = Callable[..., pl.DataFrame]

LISTS = {
    "eng_Latn": "# mild\ndarn\nson of a gun  # a phrase\n",
    "swh_Latn": "\ufeffmjinga\nMPUMBAVU sana\n",
    "zho_Hans": "笨蛋\n",
    "tha_Thai": "โง่\n",
}
TARGETS = ("swh_Latn", "zho_Hans", "tha_Thai", "spa_Latn")


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    for code, text in LISTS.items():
        (tmp_path / f"{code}.txt").write_text(text, encoding="utf-8")
    return {code: str(tmp_path / f"{code}.txt") for code in LISTS}


@pytest.fixture
def check(files: dict[str, str]) -> Toxicity:
    settings = ToxicityCheck(words=files)
    return Toxicity(settings, "eng_Latn", load_word_lists(settings.words, "eng_Latn", TARGETS))


@pytest.mark.parametrize(
    ("row", "added", "lost"),
    [
        (("You are late.", "Wewe mjinga, umechelewa. MJINGA!", "swh_Latn"), 2, 0),
        (("You are late.", "Wewe ni mpumbavu  sana", "swh_Latn"), 1, 0),
        (("You are late.", "Wewe ni mpumbavu. Umechelewa", "swh_Latn"), 0, 0),
        (("You are late.", "Wajinga wamechelewa", "swh_Latn"), 0, 0),
        (("You are late.", "Mjinga mjinga mjinga", "swh_Latn"), 3, 0),
        (("Darn, you son of a gun", "Wewe mjinga, umechelewa", "swh_Latn"), 0, 0),
        (("You DARN fool", "Umechelewa", "swh_Latn"), 0, 1),
        (("the son of a gunner", "Umechelewa", "swh_Latn"), 0, 0),
        (("You are late.", "你这个笨蛋迟到了", "zho_Hans"), 1, 0),
        (("You are late.", "你这个笨 蛋迟到了", "zho_Hans"), 1, 0),
        (("Darn, late.", "你迟到了", "zho_Hans"), 0, 1),
        (("You are late.", "คุณโง่มาก", "tha_Thai"), 1, 0),
        (("Darn, late.", "Tarde, mjinga", "spa_Latn"), 0, 0),
        (("", "", "swh_Latn"), 0, 0),
        (("You are late.", "mji\u200bnga m\u00adjinga", "swh_Latn"), 2, 0),
    ],
)
def test_added_and_lost(
    check: Toxicity, rows: Rows, row: tuple[str, str, str], added: int, lost: int
) -> None:
    assert check.score(rows(row)).row(0) == (added, lost)


def test_added_is_rejected_and_lost_is_not_unless_asked_for(
    check: Toxicity, rows: Rows, judged: Callable[[Check, pl.DataFrame], pl.DataFrame]
) -> None:
    table = rows(("Late.", "mjinga"), ("Darn.", "Umechelewa"), ("Late.", "Umechelewa"))
    assert judged(check, table)["passes"].to_list() == [False, True, True]
    strict = Toxicity(ToxicityCheck(max_lost={"swh_Latn": 0}), "eng_Latn", check.lists)  # type: ignore[arg-type]
    assert judged(strict, table)["passes"].to_list() == [False, False, True]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (None, r"checks\.toxicity\.words\.swh_Latn: .* does not exist"),
        (b"", "has no words"),
        (b"# nothing\n\n...\n", "has no words"),
        (b"good\nbad \xff\n", "line 2 is not UTF-8"),
    ],
)
def test_lists_that_cannot_be_used_stop_the_run_before_it_starts(
    small: dict[str, Any], files: dict[str, str], tmp_path: Path, data: bytes | None, told: str
) -> None:
    path = tmp_path / "swh_Latn.txt"
    path.unlink()
    if data is not None:
        path.write_bytes(data)
    (tmp_path / "prompts.jsonl").write_text('{"prompt": "Hello"}\n')
    small["sources"]["prompts"]["path"] = str(tmp_path / "prompts.jsonl")
    small["checks"] = {"toxicity": {"words": files}}
    recipe = parse_recipe(small, "test")
    with pytest.raises(SourceError, match=told) as caught:
        preflight(Run.of(recipe), ("score",))
    assert caught.value.exit_code == 2


def test_an_unknown_language_is_refused(small: dict[str, Any], files: dict[str, str]) -> None:
    small["checks"] = {"toxicity": {"words": {**files, "swahili": "x.txt"}}}
    with pytest.raises(RecipeError, match="swahili"):
        parse_recipe(small, "test")


def test_the_language_of_the_prompts_needs_a_list(
    small: dict[str, Any], files: dict[str, str]
) -> None:
    del files["eng_Latn"]
    small["checks"] = {"toxicity": {"words": files}}
    with pytest.raises(SourceError, match="no list for eng_Latn"):
        build_checks(parse_recipe(small, "test"), ())


def test_the_hash_is_that_of_the_words(files: dict[str, str], tmp_path: Path) -> None:
    def hashes() -> list[str]:
        lists = load_word_lists(files, "eng_Latn", TARGETS)
        return [one.hash for one in lists]

    before = hashes()
    path = tmp_path / "swh_Latn.txt"
    path.write_text("# a comment\nmpumbavu sana\nmjinga\n", encoding="utf-8")
    assert hashes() == before
    path.write_text("mjinga\n", encoding="utf-8")
    assert hashes() != before
