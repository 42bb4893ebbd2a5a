"""Pages of the documentation site that are made when it is built, and the changes to those that are written."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cli_reference
import file_formats
import recipe_reference

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
REPOSITORY = "https://github.com/mlc-data/mlc-data/blob/main"
_FENCE = re.compile(r"^(\s*```\w+) (?:run|norun)$", re.MULTILINE)
_LINK = re.compile(r"(\]\(|(?:src|srcset|href)=\")(?!https?:|mailto:|#)([^)\s\"#]+)(#[^)\s\"]*)?")


def generated() -> dict[str, str]:
    """Return the text of every generated page, by its path below docs/."""
    return {
        "index.md": front_page(),
        "changelog.md": outside("CHANGELOG.md"),
        "contributing.md": outside("CONTRIBUTING.md"),
        "gallery.md": file_formats.gallery(),
        "reference/cli.md": cli_reference.page(),
        "reference/recipe.md": recipe_reference.page(),
        "reference/files.md": file_formats.page(),
        "tour.md": tour((DOCS / "tour.ipynb").read_text(encoding="utf-8")),
    }


def front_page() -> str:
    """Return README as the first page: its links are relative to docs/."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return _LINK.sub(_below_docs, text)


def outside(name: str) -> str:
    """Return a page of the repository's root as one of the site."""
    return _LINK.sub(_below_docs, (ROOT / name).read_text(encoding="utf-8"))


def _below_docs(match: re.Match[str]) -> str:
    opening, target, anchor = match[1], match[2], match[3] or ""
    moved = {"CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md"}.get(target)
    return f"{opening}{moved or posixpath.relpath(target, 'docs')}{anchor}"


def markdown(text: str, page: str) -> str:
    """Return a page as the site renders it.

    The words `run` and `norun` of code blocks are for the tests. Links to files of the repository that are no pages
    become links to the repository.

    Args:
        text: Markdown.
        page: its path below docs/.

    Raises:
        ValueError: a link names a file that the repository does not have.
    """

    def link(match: re.Match[str]) -> str:
        opening, target, anchor = match[1], match[2], match[3] or ""
        path = posixpath.normpath(posixpath.join("docs", posixpath.dirname(page), target))
        if path.startswith("docs/"):
            return match[0].replace(".ipynb", ".md")
        if path in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md"):
            name = {"README.md": "index.md"}.get(path, path.lower())
            return f"{opening}{posixpath.relpath(name, posixpath.dirname(page) or '.')}{anchor}"
        if path.startswith("..") or not (ROOT / path).exists():
            raise ValueError(f"docs/{page}: there is no {path} in the repository")
        return f"{opening}{REPOSITORY}/{path}{anchor}"

    return _LINK.sub(link, _FENCE.sub(r"\1", text))


def tour(notebook: str) -> str:
    """Return a notebook as Markdown: texts, code, and what the code printed."""
    parts = []
    for cell in json.loads(notebook)["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(source)
            continue
        parts.append(f"```python\n{source}\n```")
        for output in cell["outputs"]:
            shown = output.get("text") or output.get("data", {}).get("text/plain", "")
            if text := "".join(shown).rstrip():
                parts.append(f"```text\n{text}\n```")
    return "\n\n".join(parts) + "\n"


@dataclass(frozen=True)
class Entry:
    """A page in llms.txt: address, title, and the sentence that it begins with."""

    address: str
    title: str
    about: str


def llms(entries: Iterable[Entry], description: str) -> str:
    """Return the text of llms.txt: one line for each page, as https://llmstxt.org describes."""
    lines = [f"- [{entry.title}]({entry.address}): {entry.about}" for entry in entries]
    return "\n".join(["# mlc-data", "", f"> {description}", "", "## Pages", "", *lines]) + "\n"


def first_sentence(text: str) -> str:
    """Return the first sentence of the first paragraph of a page, without links."""
    for paragraph in re.split(r"\n\s*\n", text):
        line = " ".join(paragraph.split())
        if line and not line.startswith(("#", "|", "`", "<", "!", ":::", "-", "1.")):
            plain = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", line).replace("**", "")
            if line.endswith(":") or line.startswith("More:"):
                continue
            return re.split(r"(?<=[.:?!])\s", plain, maxsplit=1)[0]
    return ""
