"""Chromium as it is installed here, without a window; nothing is downloaded."""

import contextlib
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")

QUIET = (
    "--no-sandbox",  # it may run as root, and opens nothing but our own file
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


class NoChromiumError(Exception):
    """There is no Chromium, or nothing to drive it with; the message explains how to get it."""


def executable() -> str:
    """Return where Chromium is. Raises NoChromiumError."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        raise NoChromiumError("there is no Chromium: `sudo apt-get install chromium`, or Chrome, which does as well")
    return found


@contextlib.contextmanager
def chromium() -> Iterator["Browser"]:
    """Run it. Raises NoChromiumError."""
    path = executable()
    try:
        from playwright.sync_api import sync_playwright  # noqa: PLC0415, there only for `make browser`
    except ImportError:
        raise NoChromiumError("playwright is not installed: `make browser` gets it") from None
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=list(QUIET))
        try:
            yield browser
        finally:
            browser.close()
