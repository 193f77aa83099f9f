"""Dagit's pages in a real browser: Debian's Chromium, without a window."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from orch_dagster.settings import REPOSITORY
from tests.dagster_dev import Dev

PICTURES = REPOSITORY / "docs" / "pictures"
_REFRESH = "ORCH_REFRESH_PICTURES"
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
# On two busy cores a page takes seconds.
_WAIT_MS = 30_000


class Dagit:
    """A browser's page on a running `dagster dev`.

    Attributes:
        page: The page.
    """

    def __init__(self, page: Page, dev: Dev) -> None:
        self.page = page
        self._root = urlsplit(dev.url)._replace(path="").geturl()
        self._location = f"/locations/orch_dagster@{dev.location}"

    def open(self, path: str) -> None:
        """Open a page by its path."""
        self.page.goto(f"{self._root}{path}")

    def open_asset(self, parts: Sequence[str], view: str = "") -> None:
        """Open the page of an asset, one of its tabs if it is named."""
        self.open("/assets/" + "/".join(map(quote, parts)) + (f"?view={view}" if view else ""))

    def open_in_location(self, path: str) -> None:
        """Open a page of the code location, such as a job's."""
        self.open(f"{self._location}/{path}")

    def keep_picture(self, name: str) -> None:
        """Keep what is seen now as a picture of the documentation, if that is asked for."""
        if os.environ.get(_REFRESH):
            PICTURES.mkdir(exist_ok=True)
            self.page.screenshot(path=PICTURES / f"{name}.png", animations="disabled")


@contextmanager
def dagit(dev: Dev) -> Iterator[Dagit]:
    """Start a browser for the pages of a running `dagster dev`."""
    found = filter(None, map(shutil.which, _BROWSERS))
    executable = next(found, None)
    if executable is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    expect.set_options(timeout=_WAIT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=Path(executable))
        context = browser.new_context(
            viewport={"width": 1280, "height": 800},
            color_scheme="light",
            locale="en-GB",
            timezone_id="UTC",
            reduced_motion="reduce",
        )
        context.set_default_timeout(_WAIT_MS)
        yield Dagit(context.new_page(), dev)
        browser.close()
