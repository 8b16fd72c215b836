"""A real browser on this machine, as the tests drive it; nothing of it reaches beyond loopback."""

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, async_playwright

from tests import npm

HERE = Path(__file__).resolve().parent / "chromium"
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


def _fetched() -> str:
    """Where a Chromium from npm is, for a machine that has none: 75 MB, once."""
    node = npm.install(HERE, "a Chromium")
    unpacked = subprocess.run([node, HERE / "where.mjs"], capture_output=True, text=True, check=True)
    return unpacked.stdout.strip()


@asynccontextmanager
async def browser() -> AsyncIterator[Browser]:
    """Chromium without a window."""
    found = next(filter(None, map(shutil.which, NAMES)), None) or await asyncio.to_thread(_fetched)
    async with async_playwright() as driver:
        chromium = await driver.chromium.launch(executable_path=found, args=list(QUIET))
        try:
            yield chromium
        finally:
            await chromium.close()
