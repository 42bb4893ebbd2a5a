"""The documentation site: every page is in the navigation, and generated pages hold what the code has."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import cli_reference
import file_formats
import finding
import pytest
import recipe_reference
import site_pages
import yaml
from doc_blocks import ROOT

from mlc_data.recipe.loading import shipped_recipes
from mlc_data.schemas import build, recipe_schema

DOCS = ROOT / "docs"
CONFIG = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
GENERATED = {
    "index.md", "changelog.md", "contributing.md", "gallery.md", "reference/cli.md", "reference/recipe.md",
    "reference/files.md", "tour.md",
}  # fmt: skip


def in_navigation(entry: Any) -> set[str]:
    if isinstance(entry, str):
        return {entry}
    values = entry.values() if isinstance(entry, dict) else entry
    return {page for value in values for page in in_navigation(value)}


NAVIGATION = in_navigation(CONFIG["nav"])
WRITTEN = {str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md")}


def test_every_page_is_in_the_navigation() -> None:
    missing = sorted(WRITTEN - NAVIGATION)
    assert not missing, (
        f"docs/ has pages that the site does not show: {', '.join(missing)}. Add each to `nav` in mkdocs.yml"
    )


def test_the_navigation_names_pages_that_exist() -> None:
    assert sorted(NAVIGATION - WRITTEN - GENERATED) == [], "remove them from `nav` in mkdocs.yml"


def test_every_page_is_in_the_list_of_pages() -> None:
    listed = set(re.findall(r"\]\(([^)#]+)", (DOCS / "pages.md").read_text(encoding="utf-8")))
    parts = ("decisions/0", "reference/api/", "pages.md")
    missing = sorted(page for page in WRITTEN - listed if not page.startswith(parts))
    assert not missing, f"add to docs/pages.md: {', '.join(missing)}"


def test_links_lead_to_files(dead_links: dict[str, list[str]]) -> None:
    broken = [f"{page}: {target}" for page, targets in dead_links.items() for target in targets]
    assert not broken, "\n".join(broken)


@pytest.fixture(scope="module")
def dead_links() -> dict[str, list[str]]:
    """Links that lead nowhere, by page."""
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.rglob("*.md")]
    return {
        str(page.relative_to(ROOT)): [
            target
            for target in re.findall(
                r"(?:\]\(|src=\"|srcset=\")([^)\s\"#]+)", page.read_text("utf-8")
            )
            if not target.startswith(("http", "mailto:"))
            and not (page.parent / target).exists()
            and str((page.parent / target).resolve().relative_to(DOCS.resolve())) not in GENERATED
        ]
        for page in pages
    }


def test_the_readme_names_the_test_command() -> None:
    assert re.search(
        r"^make test\b", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE
    )


def test_the_reference_has_every_command() -> None:
    page = cli_reference.page()
    names = [name for name, _ in cli_reference.commands()]
    assert {"run", "align probe", "recipes copy", "cache prune"} <= set(names)
    assert all(f"\n## mlc-data {name}\n" in page for name in names)


def test_the_reference_has_every_option_of_a_command() -> None:
    section = cli_reference.page().partition("## mlc-data publish\n")[2].partition("\n## ")[0]
    command = dict(cli_reference.commands())["publish"]
    assert all(
        f"`{option}`" in section for p in command.params if p.name != "run" for option in p.opts
    )


def test_the_reference_has_every_key_with_its_default() -> None:
    page = recipe_reference.page()
    assert "| `temperature` | number > 0 | `0.2` |" in page
    assert "| `targets` | list of text | required |" in page
    keys = set(recipe_reference.keys(recipe_schema()))
    assert {"align.loss.temperature", "checks.length.max_ratio", "runner.type"} <= keys


def test_every_section_of_the_recipe_is_in_the_reference() -> None:
    page = recipe_reference.page()
    assert all(
        f"\n## {name}\n" in page for name in ("sources", "translate", "checks", "sets", "align")
    )
    checks = recipe_schema()["$defs"]["Checks"]["properties"]
    sections = [name for name, value in checks.items() if "$ref" in value]
    assert len(sections) > 10
    assert all(f"\n### checks.{name}\n" in page for name in sections)


def test_keys_have_a_meaning() -> None:
    empty = re.findall(r"^\| `(\w+)` \|[^|]*\|[^|]*\|\s*\|$", recipe_reference.page(), re.MULTILINE)
    assert not empty


def test_the_reference_has_every_format() -> None:
    page = file_formats.page()
    assert all(f"\n## {name}\n" in page for name in build() if name != "recipe")


def test_the_gallery_has_every_recipe_with_its_needs() -> None:
    page = file_formats.gallery()
    assert all(f"\n## {name}\n" in page for name in shipped_recipes())
    assert page.count("| GPU |") == len(shipped_recipes()) - 1  # the quickstart needs none


@pytest.mark.parametrize(
    ("page", "text", "expected"),
    [
        ("plan.md", "```bash run\nx\n```", "```bash\nx\n```"),
        ("plan.md", "[a](checks.md#b)", "[a](checks.md#b)"),
        (
            "how-to/x.md",
            "[a](../../schemas/recipe.schema.json)",
            f"[a]({site_pages.REPOSITORY}/schemas/recipe.schema.json)",
        ),
        ("how-to/x.md", "[a](../../README.md#b)", "[a](../index.md#b)"),
        ("pages.md", "[a](tour.ipynb)", "[a](tour.md)"),
    ],
)
def test_links_are_rewritten_for_the_site(page: str, text: str, expected: str) -> None:
    assert site_pages.markdown(text, page) == expected


def test_a_link_to_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match=r"nothing\.py"):
        site_pages.markdown("[a](../nothing.py)", "plan.md")


def test_the_first_page_is_the_readme_with_links_of_the_site() -> None:
    page = site_pages.front_page()
    assert "](effect.md)" in page
    assert 'src="images/finding-light.svg"' in page


def test_llms_txt_has_a_line_for_each_page() -> None:
    text = site_pages.llms(
        [site_pages.Entry("https://x/plan/", "Plan", "Says what it costs.")], "One line."
    )
    assert "> One line." in text
    assert "- [Plan](https://x/plan/): Says what it costs." in text


def test_the_first_sentence_of_a_page_is_found() -> None:
    assert site_pages.first_sentence(
        "# Title\n\n[A check](x.md) turns\nrows into scores. More."
    ) == ("A check turns rows into scores.")


def test_the_figure_is_drawn_from_the_measured_table() -> None:
    rows = finding.figures((DOCS / "effect.md").read_text(encoding="utf-8"))
    assert len(rows) == 2 * len(finding.TRAININGS)
    assert rows[4] == {
        "training": "+ MLC", "prompts": finding.HARMFUL, "refused": 1.0, "low": 0.99, "high": 1.0,
    }  # fmt: skip


@pytest.mark.parametrize("theme", finding.THEMES)
def test_the_drawn_figure_is_up_to_date(theme: str) -> None:
    rows = finding.figures((DOCS / "effect.md").read_text(encoding="utf-8"))
    drawn = (DOCS / "images" / f"finding-{theme}.svg").read_text(encoding="utf-8")
    shown = set(re.findall(r">(\d+)%<", drawn))
    assert {f"{row['refused'] * 100:.0f}" for row in rows} <= shown, "run scripts/docs/finding.py"


def test_a_page_without_the_table_is_refused() -> None:
    with pytest.raises(ValueError, match="no table"):
        finding.figures("# Effect\n")


def test_the_pictures_name_no_path() -> None:
    for file in (DOCS / "images").glob("*.svg"):
        assert str(Path.home()) not in file.read_text(encoding="utf-8")


def test_the_readme_has_the_measured_figures() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = finding.figures((DOCS / "effect.md").read_text(encoding="utf-8"))
    shares = {
        f"{row['refused'] * 100:.0f} %" for row in rows if row["training"] != "before training"
    }
    words = text.partition("## The finding")[2].partition("##")[0].replace("\n", " ")
    assert all(share in words for share in shares - {"100 %"})
