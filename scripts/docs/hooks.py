"""Hooks of MkDocs: generated pages, links into the repository, llms.txt."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

sys.path.insert(0, str(Path(__file__).parent))
import site_pages  # noqa: E402 - its folder is no package


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages."""
    for path, text in site_pages.generated().items():
        files.append(File.generated(config, path, content=text))
    return files


def on_page_markdown(text: str, page: Page, **_: Any) -> str:
    """Prepare a page, see `site_pages.markdown`."""
    try:
        return site_pages.markdown(text, page.file.src_uri)
    except ValueError as error:
        raise PluginError(str(error)) from error


_titles: dict[str, str] = {}
"""Title of each page by its address, in the order of the navigation."""


def on_page_context(context: Any, page: Page, config: MkDocsConfig, **_: Any) -> None:
    """Remember the title of a page for llms.txt."""
    _titles[f"{(config.site_url or '').rstrip('/')}/{page.url}"] = str(page.title)


def on_post_build(config: MkDocsConfig) -> None:
    """Write llms.txt beside the site."""
    text = site_pages.llms(_titles, str(config.site_description))
    (Path(config.site_dir) / "llms.txt").write_text(text, encoding="utf-8")
