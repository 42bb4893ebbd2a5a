"""Hooks of MkDocs: generated pages, links into the repository, llms.txt."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.nav import Navigation
from mkdocs.structure.pages import Page

sys.path.insert(0, str(Path(__file__).parent))
import site_pages


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages."""
    for path, text in site_pages.generated().items():
        files.append(File.generated(config, path, content=text))
    return files


def on_nav(nav: Navigation, **_: Any) -> None:
    """Keep the pages in the order of the navigation, for llms.txt."""
    _pages[:] = nav.pages


def on_page_markdown(text: str, page: Page, **_: Any) -> str:
    """Prepare a page, see `site_pages.markdown`."""
    try:
        return site_pages.markdown(text, page.file.src_uri)
    except ValueError as error:
        raise PluginError(str(error)) from error


def on_post_build(config: MkDocsConfig) -> None:
    """Write llms.txt beside the site."""
    entries = [
        site_pages.Entry(
            f"{(config.site_url or '').rstrip('/')}/{page.url}",
            str(page.title),
            site_pages.first_sentence(page.markdown or ""),
        )
        for page in _pages
    ]
    text = site_pages.llms(entries, str(config.site_description))
    (Path(config.site_dir) / "llms.txt").write_text(text, encoding="utf-8")


_pages: list[Page] = []
