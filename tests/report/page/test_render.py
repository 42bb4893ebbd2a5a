"""HTML of the report: what stays text, and what a page may do."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
import report_run

from mlc_data.core.spreadsheets import ACTIVE
from mlc_data.pipeline.run import Run
from mlc_data.report.page import PageOptions, write_report
from mlc_data.report.page.render import as_json, asset, figure, page, shown
from mlc_data.report.page.report import SECTIONS


class Outline(HTMLParser):
    """Elements, ids and the texts of scripts of a page, as a browser's parser splits them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self._in_script = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self._in_script = True
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self._in_script = False

    def handle_data(self, data: str) -> None:
        if self._in_script:
            self.scripts[-1] += data


@pytest.fixture(scope="module")
def html(page_run: Run, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "report.html"
    return write_report(page_run, PageOptions(review=8), path).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def outline(html: str) -> Outline:
    return Outline(html)


def test_every_section_is_there(outline: Outline) -> None:
    ids = [attributes.get("id") for tag, attributes in outline.tags if tag == "section"]
    assert ids == [name for name, _ in SECTIONS]


def test_no_section_is_empty_in_a_finished_run(html: str) -> None:
    assert re.findall(r'class="missing">([^<]*)<', html) == [
        "The run has not been refreshed: mlc-data refresh run"
    ]


def test_texts_add_no_element(outline: Outline) -> None:
    assert len(outline.scripts) == 2
    assert not [
        tag for tag, _ in outline.tags if tag in ("img", "iframe", "object", "link", "base")
    ]


def test_no_element_has_a_handler_or_an_address_elsewhere(outline: Outline) -> None:
    for _, attributes in outline.tags:
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("src", "href", "action"):
            assert (attributes.get(name) or "#").startswith("#")


def test_the_data_hold_hostile_texts_as_they_are(outline: Outline) -> None:
    prompts = {each["t"] for each in json.loads(outline.scripts[0])["prompts"].values()}
    assert set(report_run.HOSTILE) <= prompts


def test_templates_in_texts_are_not_filled_in(html: str) -> None:
    assert "{{7*7}}" in html
    assert "49 and 49" not in html


def test_the_policy_allows_the_page_s_own_script_alone(outline: Outline) -> None:
    metas = [attributes for tag, attributes in outline.tags if tag == "meta"]
    policy = next(each["content"] for each in metas if "http-equiv" in each)
    assert policy is not None
    digest = base64.b64encode(hashlib.sha256(outline.scripts[1].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in policy
    assert policy.startswith("default-src 'none';")
    assert "unsafe-eval" not in policy


def test_no_folder_of_this_machine_is_in_the_page(html: str, page_run: Run) -> None:
    assert str(page_run.folder.parent) not in html
    assert str(Path.home()) not in html


@pytest.mark.parametrize("text", ["</script>", "<!--", "&lt;", "\u2028", "\u2029", "]]>"])
def test_json_cannot_end_its_element(text: str) -> None:
    escaped = str(as_json({"text": text}))
    assert not set("<>&\u2028\u2029") & set(escaped)
    assert json.loads(escaped) == {"text": text}


def test_numbers_that_json_lacks_are_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        as_json({"value": float("inf")})


def test_controls_are_shown_by_name_and_isolated() -> None:
    text = str(shown("a\u202eb\x00<i>"))
    assert text.startswith("<bdi>a<span")
    assert "U+202E Right-To-Left Override" in text
    assert "U+0000" in text
    assert "&lt;i&gt;" in text
    assert not {"\u202e", "\x00"} & set(text)


def test_exported_cells_are_guarded_as_those_of_other_files() -> None:
    assert f"/{ACTIVE}/u;" in asset("review.js")


def test_figures_have_a_minus_and_no_negative_zero() -> None:
    assert [figure(value) for value in (-0.5, -0.001, None, 0.125)] == [
        "−0.50",
        "0.00",
        "–",
        "0.12",
    ]


def test_the_same_run_gives_the_same_page(page_run: Run, html: str, tmp_path: Path) -> None:
    again = write_report(page_run, PageOptions(review=8), tmp_path / "again.html")
    assert again.read_text(encoding="utf-8") == html


def test_a_page_without_scripts_allows_none(tmp_path: Path) -> None:
    from mlc_data.report.compare import Comparison

    text = page("compare.html.j2", scripts=(), found=Comparison(("<a>", "b"), ()))
    assert "<script" not in text
    assert "&lt;a&gt;" in text
