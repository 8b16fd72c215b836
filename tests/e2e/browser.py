"""A real browser on this machine, as the tests drive it; nothing of it reaches beyond loopback."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser, async_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET = (
    "--no-sandbox",  # the tests may run as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@asynccontextmanager
async def browser() -> AsyncIterator[Browser]:
    """Chromium without a window."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.fail("the pages are tried in a real browser: install Chromium (Debian: apt-get install chromium)")
    async with async_playwright() as driver:
        chromium = await driver.chromium.launch(executable_path=found, args=list(QUIET))
        try:
            yield chromium
        finally:
            await chromium.close()
