"""A real browser for the tests of pages: Debian's Chromium, driven by Debian's driver, which asks nobody else."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium.webdriver import Chrome, ChromeOptions, ChromeService

from tests.deploy.debian import program

QUIET = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-extensions", "--no-first-run",
)  # fmt: skip


@contextmanager
def chromium(profile: Path, size: tuple[int, int] = (1280, 900)) -> Iterator[Chrome]:
    """A browser with a profile of its own; without Chromium the test is skipped on a desk and fails in CI.

    Args:
        profile: An empty directory.
        size: Of the window, in pixels.
    """
    options = ChromeOptions()
    options.binary_location = program("chromium")
    for flag in (*QUIET, f"--user-data-dir={profile}", f"--window-size={size[0]},{size[1]}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = Chrome(options, ChromeService(program("chromedriver")))
    try:
        yield driver
    finally:
        driver.quit()
