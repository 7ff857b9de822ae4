"""Visitors of the sample shop in a real browser: SDK, gateway, Kafka, Faust and Redis, and back into the page."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis
import requests
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.expected_conditions import staleness_of
from selenium.webdriver.support.ui import WebDriverWait

from stream_app.shop.people import PEOPLE, customer_of
from stream_app.shop.visit import ANONYMOUS
from stream_app.shop.welcomes import WELCOMES
from tests.browser import chromium

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

PROMISED_S = 2.0
"""Within which a page must show what its visitor has just done."""
PATIENCE_S = 30.0
PAGES = ("/", "/products/sencha", "/cart", "/login", "/nothing-here")


_STAGE_SHOWN = "return document.getElementById('welcome')?.dataset.stage"


class Visitor:
    """Somebody at a browser."""

    def __init__(self, browser: Chrome, shop: str) -> None:
        self.browser = browser
        self.shop = shop

    def goes_to(self, path: str) -> None:
        self.browser.get(self.shop + path)

    def clicks(self, element: str) -> None:
        """Click what leads to another page, and be there."""
        before = self.browser.find_element(By.TAG_NAME, "html")
        # In one step: what depends on the stage may be swapped between finding an element and clicking it.
        self.browser.execute_script("document.getElementById(arguments[0]).click()", element)
        WebDriverWait(self.browser, PATIENCE_S).until(staleness_of(before))

    def fills_in(self, **fields: str) -> None:
        for name, text in fields.items():
            field = self.browser.find_element(By.ID, name)
            field.clear()
            field.send_keys(text)

    @property
    def welcome(self) -> str:
        return str(self.browser.execute_script("return document.getElementById('welcome').innerText"))

    def sees(self, stage: str, seconds: float = PROMISED_S) -> str:
        """Wait, without touching the page, until it greets by this stage; what it says then."""

        def greeted(browser: Chrome) -> bool:
            return bool(browser.execute_script(_STAGE_SHOWN) == stage)

        waiting = WebDriverWait(
            self.browser, seconds, poll_frequency=0.05, ignored_exceptions=[StaleElementReferenceException]
        )
        waiting.until(greeted, f"the page of {stage!r} did not come")
        return self.welcome

    def asked(self) -> set[str]:
        """Hosts and ports that the browser's pages have sent requests to."""
        sent = (json.loads(entry["message"])["message"] for entry in self.browser.get_log("performance"))
        urls = (
            each["params"]["request"]["url"] for each in sent if each["method"] == "Network.requestWillBeSent"
        )
        return {urlsplit(url).netloc for url in urls if url.startswith("http")}


@pytest.fixture
def visitor(opened: dict[str, Any], tmp_path: Path) -> Iterator[Visitor]:
    """A browser that was never here."""
    with chromium(tmp_path) as browser:
        yield Visitor(browser, opened["shop"])


def test_the_page_follows_a_visitor_who_browses_fills_the_cart_buys_and_logs_in(
    visitor: Visitor, opened: dict[str, Any]
) -> None:
    visitor.goes_to("/")
    said = [visitor.sees("first-visit")]
    visitor.goes_to("/products/sencha")
    visitor.goes_to("/products/kyusu")
    visitor.sees("browsing")
    visitor.goes_to("/")
    said.append(visitor.sees("browsing"))

    visitor.goes_to("/products/kyusu")
    visitor.clicks("add")
    said.append(visitor.sees("cart"))

    visitor.clicks("checkout")
    visitor.clicks("buy")  # with nothing filled in
    assert visitor.browser.find_elements(By.CSS_SELECTOR, "[aria-invalid]")
    visitor.fills_in(name="Ada", email="ada@example.com", address="1 Analytical Lane")
    visitor.clicks("buy")
    said.append(visitor.sees("new-customer"))
    visitor.browser.refresh()  # tells the order no second time
    browser_id = visitor.browser.get_cookie(ANONYMOUS)
    assert browser_id is not None
    visitor.sees("new-customer")

    visitor.clicks("join")
    assert "Ada" in visitor.sees("new-customer")  # what the browser did belongs to the customer
    with redis.Redis.from_url(opened["redis"], decode_responses=True) as client:
        joined = client.get(f"lifecycle:alias:{{{browser_id['value']}}}")
        assert joined == customer_of("ada@example.com").id
        assert client.hget(f"lifecycle:customer:{{{joined}}}", "orders") == "1"

    visitor.clicks("log-out")
    visitor.sees("first-visit")
    WebDriverWait(visitor.browser, PATIENCE_S).until(
        lambda browser: (browser.get_cookie(ANONYMOUS) or browser_id)["value"] != browser_id["value"]
    )
    visitor.goes_to("/login")
    visitor.clicks("be-nora")
    said.append(visitor.sees("loyal"))
    assert "Nora" in said[-1]
    assert len(set(said)) == 5
    assert visitor.asked() == {urlsplit(opened[each]).netloc for each in ("shop", "gateway")}


def test_a_beacon_that_a_page_sends_as_it_is_left_counts(visitor: Visitor, opened: dict[str, Any]) -> None:
    visitor.goes_to("/")
    visitor.sees("first-visit")
    known = WebDriverWait(visitor.browser, PATIENCE_S).until(lambda browser: browser.get_cookie(ANONYMOUS))
    assert known is not None
    event = {"event": "Product Added", "messageId": "beacon", "anonymousId": known["value"]}
    send = """
        const page = JSON.parse(document.getElementById("page").textContent);
        const body = JSON.stringify({...arguments[0], writeKey: page.writeKey});
        return navigator.sendBeacon(arguments[1], body);
    """
    assert visitor.browser.execute_script(send, event, f"{opened['gateway']}/v1/t")

    visitor.sees("cart")


def test_every_prepared_customer_is_greeted_and_priced_by_stage(visitor: Visitor) -> None:
    greetings, totals = {}, {}
    for person in PEOPLE:
        visitor.goes_to("/login")
        visitor.clicks(f"be-{person.customer.name.lower()}")
        greetings[person.stage] = visitor.sees(person.stage)
        visitor.goes_to("/products/bowl")
        visitor.clicks("add")
        # In one step: what depends on the stage may be swapped between finding an element and reading it.
        read_total = "return document.getElementById('total').textContent.trim()"
        totals[person.stage] = visitor.browser.execute_script(read_total)
        visitor.clicks("log-out")
    assert len(set(greetings.values())) == len(PEOPLE)
    assert totals == {"cart-left": "€40.50", "new-customer": "€25.80", "loyal": "€19.80", "lapsed": "€18.70"}


def test_every_page_says_what_its_parts_are_to_those_who_do_not_see_them(visitor: Visitor) -> None:
    nameless = """
        const named = e => e.labels?.length || e.getAttribute("aria-label") || e.textContent.trim();
        return [...document.querySelectorAll("input:not([type=hidden]), button, a")].filter(e => !named(e)).length
            + [...document.querySelectorAll("img:not([alt])")].length;
    """
    for path in PAGES:
        visitor.goes_to(path)
        assert visitor.browser.execute_script(nameless) == 0, path
        assert len(visitor.browser.find_elements(By.TAG_NAME, "h1")) == 1, path
        assert visitor.browser.find_elements(By.CSS_SELECTOR, "html[lang] main#main"), path
    wide = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    visitor.browser.set_window_size(500, 800)
    assert visitor.browser.execute_script(wide) <= 0


def test_a_browser_without_scripts_can_shop_and_what_it_cannot_see_is_not_sold_to_it(
    opened: dict[str, Any],
) -> None:
    shop = opened["shop"]
    with requests.Session() as plain:
        assert "Gyokuro" not in plain.get(f"{shop}/", timeout=PATIENCE_S).text
        plain.post(f"{shop}/cart", {"product": "sencha", "add": "1"}, timeout=PATIENCE_S)
        plain.post(f"{shop}/cart", {"product": "sencha", "quantity": "1000"}, timeout=PATIENCE_S)
        plain.post(f"{shop}/cart", {"product": "reserve", "add": "1"}, timeout=PATIENCE_S)
        cart = plain.get(f"{shop}/cart", timeout=PATIENCE_S).text
        assert "€116.10" in cart
        assert "Gyokuro" not in cart
        form = {"name": "Ada", "email": "ada@example.com", "address": "1 Lane"}
        thanks = plain.post(f"{shop}/checkout", form, timeout=PATIENCE_S)
        assert (thanks.status_code, "€116.10" in thanks.text) == (200, True)
        assert plain.get(f"{shop}/orders/K-1", timeout=PATIENCE_S).status_code == 404
        assert plain.post(f"{shop}/login", {"email": "nobody"}, timeout=PATIENCE_S).status_code == 422


def test_the_greetings_are_those_of_the_lifecycle() -> None:
    assert {person.stage for person in PEOPLE} < set(WELCOMES)
    assert len({welcome.title for welcome in WELCOMES.values()}) == len(WELCOMES)
