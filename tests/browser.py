"""A real browser for tests: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

WANTED = "MLC_DATA_TEST_BROWSER"
"""Environment variable that makes a missing browser a failure, as in continuous integration."""


@contextmanager
def browser() -> Iterator[Any]:
    """Yield the browser; skip the test where there is none, unless `WANTED` says that there has to be one."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        reason = "no Chromium here: apt-get install chromium"
        if os.environ.get(WANTED):
            pytest.fail(reason)
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # Tests run as root in containers, where Chromium has no sandbox.
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            yield chromium
        finally:
            chromium.close()


def opened(chromium: Any, path: Path, messages: list[str], **options: Any) -> Any:
    """Open a file; errors and warnings of its console, and requests to elsewhere, are added to ``messages``."""
    context = chromium.new_context(accept_downloads=True, **options)
    page = context.new_page()
    page.set_default_timeout(30_000)  # a busy machine: only a fault takes so long
    page.on(
        "console",
        lambda said: messages.append(said.text) if said.type in ("error", "warning") else None,
    )
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.on(
        "request",
        lambda request: (
            None if request.url.startswith(("file:", "blob:")) else messages.append(request.url)
        ),
    )
    page.goto(path.resolve().as_uri())
    return page
