"""The report in a real browser: nothing fails, everything answers, and people of all kinds can use it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import report_run
from browser import browser, opened

from mlc_data.pipeline.run import Run
from mlc_data.report.page import PageOptions, write_report
from mlc_data.report.page.report import SECTIONS
from mlc_data.review.review import import_judgements

pytestmark = pytest.mark.integration
JUDGED = 30


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as made:
        yield made


@pytest.fixture(scope="module")
def copied(page_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The run in a folder of its own, with its report."""
    folder = tmp_path_factory.mktemp("browser") / "run"
    shutil.copytree(page_run.folder, folder)
    run = Run(page_run.recipe, folder)
    write_report(run, PageOptions(review=12))
    return run


@pytest.fixture
def messages() -> Iterator[list[str]]:
    """What a page complained of, which is nothing."""
    said: list[str] = []
    yield said
    assert said == []


@pytest.fixture
def page(chromium: Any, copied: Run, messages: list[str]) -> Iterator[Any]:
    made = opened(chromium, copied.path("report.html"), messages)
    yield made
    made.context.close()


def test_every_section_is_in_the_contents_and_on_the_page(page: Any) -> None:
    for name, title in SECTIONS:
        assert page.locator(f".contents a[href='#{name}']").inner_text() == title
        assert page.locator(f"section#{name} h2").is_visible()


def test_texts_of_prompts_run_nothing_and_are_shown(page: Any) -> None:
    page.click("#veil")
    page.fill("#row-search", "honey")
    assert page.title() == "report: report"
    shown = page.locator("#row-list .text").first.inner_text()
    assert shown.startswith(f"<script>{report_run.OWNED}</script> How do I bake bread")
    page.fill("#row-search", "{{7*7}}")
    assert "{{7*7}} and ${7*7}" in page.locator("#row-list .text").first.inner_text()


def test_controls_that_turn_text_around_are_shown_by_name(page: Any) -> None:
    assert page.locator("#reply-list .control").first.inner_text() == "U+202E"


def test_texts_are_blurred_until_they_are_asked_for(page: Any) -> None:
    page.select_option("#row-category", index=1)
    text = page.locator("#row-list .card .text").first
    blurred = "getComputedStyle(arguments[0]).filter"
    style = f"(element) => {blurred.replace('arguments[0]', 'element')}"
    assert text.evaluate(style).startswith("blur")
    assert text.get_attribute("aria-hidden") == "true"
    page.locator("#row-list .reveal").first.click()
    assert text.evaluate(style) == "none"
    assert text.get_attribute("aria-hidden") is None
    assert page.locator("#row-list .card .text").last.evaluate(style).startswith("blur")
    page.click("#veil")
    assert page.locator("#row-list .card .text").last.evaluate(style) == "none"


def test_rows_are_filtered(page: Any) -> None:
    page.select_option("#row-language", "swh_Latn")
    page.select_option("#row-outcome", "not kept")
    cards = page.locator("#row-list .card")
    assert cards.count() > 0
    assert set(cards.locator(".tag.language").all_inner_texts()) == {"Swahili"}
    assert cards.locator(".tag.good").count() == 0


def test_a_row_shows_its_attempts_and_scores(page: Any) -> None:
    page.select_option("#row-outcome", "rescued")
    page.locator("#row-list .details").first.click()
    card = page.locator("#row-list .card").first
    assert card.locator(".attempts li").count() >= 2
    assert card.locator(".attempts .tag.good").inner_text() == "passes"
    assert "≥" in card.locator(".scores").inner_text()


def test_languages_and_directions_are_declared(page: Any) -> None:
    page.select_option("#row-language", "arb_Arab")
    text = page.locator("#row-list .card .text[lang=arb], #row-list .card .text[lang=ar]").first
    assert text.get_attribute("dir") == "rtl"
    page.select_option("#row-language", "zho_Hans")
    assert page.locator("#row-list .card .text[lang^=zh]").first.get_attribute("dir") == "ltr"


def test_a_cell_of_the_heat_map_shows_examples(page: Any) -> None:
    cell = page.locator("table.heat button").first
    reason, code = cell.get_attribute("data-reason"), cell.get_attribute("data-language")
    number = int(cell.inner_text())
    cell.click()
    cards = page.locator("#examples .card")
    assert cards.count() == min(number, 4)
    tags = cards.first.locator(".tag").all_inner_texts()
    assert reason.replace("_", " ") in tags
    assert page.locator(f".plot[data-language={code}]").count() == 1


def test_a_dragged_limit_says_what_it_keeps_and_how_to_set_it(page: Any) -> None:
    page.select_option("#limit", label="length: max_ratio")
    assert page.locator("#set-line").is_hidden()
    plot = page.locator(".plot[data-language=swh_Latn]")
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + 40, steps=4)
    page.mouse.up()
    code = page.locator("#set-code").inner_text()
    assert re.search(
        r"mlc-data check run --preview \\\n  --set checks\.length\.max_ratio\.swh_Latn=\d", code
    )
    assert "−" in page.locator("figure[data-language=swh_Latn] .says").inner_text()
    assert page.locator("figure[data-language=spa_Latn] .says b").count() == 0


def test_a_limit_is_moved_with_the_keyboard(page: Any) -> None:
    page.select_option("#limit", label="length: max_ratio")
    page.check("#together")
    plot = page.locator(".plot[data-language=spa_Latn]")
    plot.focus()
    page.keyboard.press("Home")
    assert plot.get_attribute("aria-valuenow") == plot.get_attribute("aria-valuemin")
    assert page.locator("#set-code").inner_text().count("--set") == 4
    page.click("#limit-reset")
    assert page.locator("#set-line").is_hidden()


def judge(page: Any, number: int) -> None:
    """Judge rows with the keyboard: two good, one bad, and one of ten not sure."""
    page.fill("#reviewer", "=Ana")
    page.click("#review-start")
    for place in range(number):
        page.keyboard.press("?" if place % 10 == 9 else "n" if place % 3 == 2 else "y")


def exported(page: Any, folder: Path) -> Path:
    with page.expect_download() as download:
        page.click("#review-export")
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def test_a_review_is_exported_imported_and_shown(
    page: Any, copied: Run, chromium: Any, messages: list[str], tmp_path: Path
) -> None:
    judge(page, JUDGED)
    assert page.locator("#review-progress").inner_text().startswith(f"{JUDGED} of ")
    path = exported(page, tmp_path)
    cells = pl.read_csv(path, infer_schema=False)
    starts = cells.select(pl.all().str.slice(0, 1)).unpivot()["value"].drop_nulls().unique()
    assert not set("=+-@\t\r") & set(starts)
    review = import_judgements(copied, [path])
    assert review.whole.rows == JUDGED - 3
    assert review.reviewers == ["=Ana"]
    again = tmp_path / "again.html"
    write_report(copied, PageOptions(review=12), again)
    renewed = opened(chromium, again, messages)
    table = renewed.locator("#review-measures").inner_text()
    assert "all checks" in table
    assert "%" in table
    renewed.context.close()


def test_a_review_goes_on_where_it_was_left(page: Any) -> None:
    judge(page, 3)
    page.reload()
    assert page.locator("#review-progress").inner_text().startswith("3 of ")
    page.click("#review-start")
    assert page.locator("#review-card .quiet").first.inner_text().startswith("4 of ")


def test_keys_judge_only_where_the_card_has_the_focus(page: Any) -> None:
    page.click("#review-start")
    page.locator("#review-card input").fill("why? yes, no")
    page.locator("#row-search").focus()
    page.keyboard.press("y")
    assert page.locator("#review-progress").inner_text() == ""


def test_replies_stand_side_by_side_and_can_be_narrowed(page: Any) -> None:
    page.check("#reply-differ")
    cards = page.locator("#reply-list .card")
    assert cards.count() > 0
    assert cards.first.locator(".sides .name").all_inner_texts() == ["Before", "After"]
    assert "refused" in cards.first.locator(".judges").last.inner_text()
    assert "<i>phrase</i>" in cards.first.locator(".judges").last.inner_text()


def explore(page: Any) -> None:
    """Open what a reader opens."""
    page.locator("table.heat button").first.click()
    page.locator("#row-list .details").first.click()
    page.click("#review-start")
    page.keyboard.press("y")
    for summary in page.locator("summary").all():
        summary.click()
    page.wait_for_timeout(200)


@pytest.mark.parametrize(("scheme", "texts"), [("light", "blurred"), ("dark", "shown")])
def test_axe_finds_no_fault_that_matters(
    chromium: Any, copied: Run, messages: list[str], scheme: str, texts: str
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page = opened(chromium, copied.path("report.html"), messages, color_scheme=scheme)
    if texts == "shown":
        page.click("#veil")
    explore(page)
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    faults = {
        each["id"]: [node["html"][:160] for node in each["nodes"][:3]]
        for each in found
        if each["impact"] != "minor"
    }
    page.context.close()
    assert faults == {}


def test_a_phone_scrolls_in_one_direction(chromium: Any, copied: Run, messages: list[str]) -> None:
    page = opened(
        chromium, copied.path("report.html"), messages, viewport={"width": 360, "height": 740}
    )
    explore(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.context.close()


def test_colours_can_be_chosen(page: Any) -> None:
    background: Callable[[], str] = lambda: page.evaluate(  # noqa: E731 - asked twice
        "getComputedStyle(document.body).backgroundColor"
    )
    light = background()
    page.click("#theme")
    page.click("#theme")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert background() != light
