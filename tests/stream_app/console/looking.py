"""What somebody sees who looks at the console in a browser."""

from collections.abc import Callable
from typing import Any

from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.expected_conditions import staleness_of
from selenium.webdriver.support.ui import WebDriverWait

PATIENCE_S = 60.0
_ROWS = """return [...document.querySelectorAll(`[data-table="${arguments[0]}"] tbody tr`)]
    .map(row => [...row.children].map(cell => cell.textContent.trim()))"""
_FIGURES = """return Object.fromEntries([...document.querySelectorAll(".figures div")].map(
    one => [one.querySelector("dt").textContent, one.querySelector("dd").firstChild.textContent.trim()]))"""


class Onlooker:
    """Somebody at a browser.

    Args:
        browser: Logged in.
        base: Address of the console.
    """

    def __init__(self, browser: Chrome, base: str) -> None:
        self.browser = browser
        self.base = base

    def opens(self, path: str) -> None:
        """Go to an address."""
        self.browser.get(self.base + path)

    def rows(self, table: str) -> list[list[str]]:
        """Cells of a table as they read."""
        return list(self.browser.execute_script(_ROWS, table))

    def figures(self) -> dict[str, str]:
        """The large numbers by name."""
        return dict(self.browser.execute_script(_FIGURES))

    def drawn(self, chart: str) -> Any:
        """What ECharts shows in a chart at this moment."""
        return self.browser.execute_script(
            "return echarts.getInstanceByDom(document.getElementById(`chart-${arguments[0]}`)).getOption()",
            chart,
        )

    @property
    def heading(self) -> str:
        """What the page is called."""
        return self.browser.find_element(By.TAG_NAME, "h1").text

    @property
    def text(self) -> str:
        """All that can be read."""
        return str(self.browser.execute_script("return document.body.innerText"))

    def sees(self, what: Callable[[], Any], told: str = "") -> Any:
        """Wait, touching nothing, until something is to be seen; the page refreshes by itself."""
        waiting = WebDriverWait(
            self.browser, PATIENCE_S, poll_frequency=0.2, ignored_exceptions=[StaleElementReferenceException]
        )
        return waiting.until(lambda _: what(), told or self.text[:2000])

    def clicks(self, selector: str) -> None:
        """Click what leads to another page, and be there."""
        before = self.browser.find_element(By.TAG_NAME, "html")
        # In one step: the page may be refreshed between finding an element and clicking it.
        self.browser.execute_script("document.querySelector(arguments[0]).click()", selector)
        WebDriverWait(self.browser, PATIENCE_S).until(staleness_of(before))
