"""The console in a real browser, over a real demo: what it shows is what an independent count of the topics gives."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
import requests
from prometheus_client.parser import text_string_to_metric_families
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from scorers.evaluation import log_loss
from stream_app.console.written import written
from tests.browser import chromium
from tests.stream_app.console.conftest import DOUBTFUL, HOSTILE, Live
from tests.stream_app.console.looking import Onlooker
from tests.stream_app.console.shown import EVIL, OPERATOR, READER
from tests.stream_app.demo.running import running

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

VIEWS = ("/", "/transitions", "/customer", "/risk", "/models", "/health")
AXE = (Path(__file__).parents[2] / "data" / "axe-4.14.1.min.js").read_text(encoding="utf-8")
_FOUND = "return axe.run().then(told => told.violations.map(one => one.id + ': ' + one.nodes.map(node => node.html).join()))"


def number(text: str) -> int:
    return int(text.replace(",", "").replace("—", "0"))


def test_lifecycle_now_shows_the_customers_that_topic_redis_and_prometheus_count(
    live: Live, onlooker: Onlooker
) -> None:
    def shown() -> dict[str, int]:
        return {row[0]: number(row[1]) for row in onlooker.rows("stages") if row[1] != "0"}

    onlooker.opens("/")
    onlooker.sees(lambda: shown() == dict(live.counted.stages))
    with redis.Redis.from_url(live.summary["redis"], decode_responses=True) as client:
        served = {stage: int(n) for stage, n in client.hgetall("lifecycle:stage-counts").items() if int(n)}
    scraped = requests.get(live.worker, timeout=30).text
    told = {
        sample.labels["stage"]: int(sample.value)
        for family in text_string_to_metric_families(scraped)
        for sample in family.samples
        if sample.name == "lifecycle_customers" and sample.value
    }
    assert served == told == shown()
    figures = onlooker.figures()
    assert number(figures["Customers"]) == live.counted.stages.total()
    assert number(figures["Churn alerts"]) == len(live.counted.raised)
    kinds = {one["name"]: sum(one["data"]) for one in onlooker.drawn("comings")["series"]}
    assert kinds == dict(live.counted.reasons)
    trends = {one["name"]: one["data"][-1] for one in onlooker.drawn("trend")["series"]}
    assert {stage: n for stage, n in trends.items() if n} == dict(live.counted.stages)
    moves = {(row[0], row[1]): number(row[2]) for row in onlooker.rows("conversion")}
    assert moves == {pair: n for pair, n in live.counted.moves.items() if pair[0]}


def test_transitions_show_every_move_and_the_customers_behind_each_cell(
    live: Live, onlooker: Onlooker
) -> None:
    onlooker.opens("/transitions")
    stages = list(live.summary["stages"]["six-stage"])
    onlooker.sees(lambda: number(onlooker.figures()["Moves"]) == live.counted.moves.total())
    head = onlooker.browser.find_elements(By.CSS_SELECTOR, '[data-table="matrix"] thead th')
    columns = [one.text for one in head]
    cells = {
        (row[0].replace("(new)", ""), column): number(text)
        for row in onlooker.rows("matrix")
        for column, text in zip(columns[1:-1], row[1:-1], strict=True)
        if text != "—"
    }
    assert cells == live.counted.moves
    assert stages
    figures = onlooker.figures()
    assert number(figures["Skipped a stage"]) == live.counted.reasons["skipped"]
    assert number(figures["Went back"]) == live.counted.reasons["returned"]

    links = onlooker.drawn("flow")["series"][0]["links"]
    pairs = {(link["source"].replace("(new)", ""), link["target"].strip()): link["value"] for link in links}
    assert pairs == live.counted.moves
    (before, after), expected = live.counted.moves.most_common()[-1]
    onlooker.clicks(f'[data-table="matrix"] a[href*="before={before}&after={after}"]')
    assert onlooker.heading == f"{before or '(new)'} → {after}"
    assert len(onlooker.rows("customers")) == expected


def test_models_are_judged_as_an_independent_count_judges_them(live: Live, onlooker: Onlooker) -> None:
    onlooker.opens("/models")
    asked = live.counted.asked
    onlooker.sees(lambda: number(onlooker.figures()["Answers judged"]) == len(asked))
    figures = onlooker.figures()
    assert abs(float(figures["AUC of churn"]) - live.counted.auc) < 0.005
    mean = sum(log_loss(risk, label) for risk, label in asked) / len(asked)
    assert abs(float(figures["Log-loss of churn"]) - mean) < 0.001
    assert figures["Labels waiting"] == "0"
    assert {row[0] for row in onlooker.rows("voices")} == {"churn", "value"}
    assert {row[0] for row in onlooker.rows("against")} == {"churn", "next stage"}
    drawn = onlooker.browser.find_elements(By.CSS_SELECTOR, ".chart canvas")
    assert len(drawn) == 4


def test_a_customer_is_shown_as_redis_serves_it_with_reasons_and_the_way_there(
    live: Live, onlooker: Onlooker
) -> None:
    customer = live.summary["top_churn_risks"][0]["customer_id"]
    with redis.Redis.from_url(live.summary["redis"], decode_responses=True) as client:
        served = client.hgetall(f"lifecycle:customer:{{{customer}}}")
    onlooker.opens("/customer")
    onlooker.browser.find_element(By.NAME, "id").send_keys(customer, Keys.ENTER)
    onlooker.sees(lambda: onlooker.heading == f"Customer {customer}")
    figures = onlooker.figures()
    assert figures["Stage"] == served["stage"]
    assert figures["Churn risk"] == written(float(served["churn_risk"]), "share")
    onlooker.sees(lambda: onlooker.rows("why-this-risk"))
    onlooker.sees(lambda: any("Order Completed" in row for row in onlooker.rows("timeline")))
    rows = onlooker.rows("timeline")
    assert any(served["previous_stage"] in row[1] and served["stage"] in row[1] for row in rows)
    assert [row[0] for row in rows] == sorted((row[0] for row in rows), reverse=True)


@pytest.mark.parametrize("view", [*VIEWS, "customer", "letter"])
def test_every_table_is_exported_as_it_is_shown(live: Live, onlooker: Onlooker, view: str) -> None:
    customer = live.summary["top_churn_risks"][0]["customer_id"]
    onlooker.opens({"customer": f"/customer?id={customer}", "letter": "/health"}.get(view, view) or view)
    if view == "letter":
        onlooker.sees(lambda: onlooker.rows("letters"))
        onlooker.clicks('[data-table="letters"] a[href^="/health/letter"]')
    onlooker.sees(lambda: not onlooker.browser.find_elements(By.CSS_SELECTOR, "[aria-busy]"))
    cookies = {one["name"]: one["value"] for one in onlooker.browser.get_cookies()}
    exports = onlooker.browser.execute_script(
        "return [...document.querySelectorAll('a[download]')].map(a => [a.href, a.closest('.panel').querySelector('table')"
        ".dataset.table, [...a.closest('.panel').querySelectorAll('thead th')].map(th => th.textContent)])"
    )
    assert exports or view == "/customer"
    for address, name, head in exports:
        answer = requests.get(address, cookies=cookies, timeout=60)
        assert answer.headers["content-type"].startswith("text/csv"), address
        rows = list(csv.reader(io.StringIO(answer.text)))
        assert rows[0] == head
        assert len(rows) > len(onlooker.rows(name)) > 0


@pytest.mark.parametrize("look", ["desk", "phone", "dark"])
def test_every_view_is_accessible_and_fits(live: Live, onlooker: Onlooker, look: str) -> None:
    width = 390 if look == "phone" else 1280
    metrics = {"width": width, "height": 850, "deviceScaleFactor": 1, "mobile": look == "phone"}
    onlooker.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if look == "dark" else "light"}
    onlooker.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
    customer = live.summary["top_churn_risks"][0]["customer_id"]
    for path in (
        *VIEWS,
        f"/customer?id={customer}",
        "/transitions/customers?before=&after=awareness",
        "/login",
    ):
        onlooker.opens(path)
        if "id=" in path:
            onlooker.sees(lambda: onlooker.rows("why-this-risk"))
        onlooker.browser.execute_cdp_cmd("Runtime.evaluate", {"expression": AXE})
        assert onlooker.browser.execute_script(_FOUND) == [], path
        assert onlooker.browser.execute_script("return document.documentElement.scrollWidth") <= width, path
        assert onlooker.browser.find_elements(By.TAG_NAME, "h1"), path


def test_a_keyboard_is_enough_and_keeps_its_place_when_the_page_refreshes(onlooker: Onlooker) -> None:
    def focused() -> str:
        return str(onlooker.browser.execute_script("return document.activeElement.textContent.trim()"))

    def press(key: str) -> None:
        onlooker.browser.switch_to.active_element.send_keys(key)

    onlooker.opens("/")
    press(Keys.TAB)
    assert focused() == "To the content"
    for _ in range(4):
        press(Keys.TAB)
    assert focused() == "At risk"
    outline = onlooker.browser.execute_script("return getComputedStyle(document.activeElement).outlineStyle")
    assert outline != "none"
    press(Keys.ENTER)
    onlooker.sees(lambda: onlooker.heading == "At risk")
    first = onlooker.sees(lambda: onlooker.rows("risk"))[0][0]
    while focused() != first:
        press(Keys.TAB)
    onlooker.browser.execute_script(
        "window.fresh = 0; document.addEventListener('htmx:afterSettle', () => window.fresh += 1)"
    )
    onlooker.sees(lambda: onlooker.browser.execute_script("return window.fresh") > 0)
    assert focused() == first
    press(Keys.ENTER)
    onlooker.sees(lambda: onlooker.heading == f"Customer {first}")


def test_ids_and_names_from_outside_are_shown_and_never_run(onlooker: Onlooker) -> None:
    for path in ("/", "/risk", "/transitions/customers?before=&after=awareness", "/health"):
        onlooker.opens(path)
        assert "lifecycle" in onlooker.browser.title
    onlooker.opens("/risk")
    onlooker.sees(lambda: set(HOSTILE) <= {row[0] for row in onlooker.rows("risk")})
    for place, customer in enumerate(HOSTILE):
        onlooker.opens("/risk")
        onlooker.browser.execute_script(
            "[...document.querySelectorAll('[data-table=risk] th a')].find(a => a.textContent === arguments[0]).click()",
            customer,
        )
        onlooker.sees(lambda name=customer: f"Customer {name}" == onlooker.browser.execute_script(
            "return document.querySelector('h1').textContent"))  # fmt: skip
        if not place:
            onlooker.sees(lambda: any(EVIL in row for row in onlooker.rows("timeline")))
        assert onlooker.browser.title.endswith("lifecycle")
        assert not onlooker.browser.find_elements(By.CSS_SELECTOR, "img, script:not([src])")
    said = [entry["message"] for entry in onlooker.browser.get_log("browser")]
    assert [one for one in said if "Content Security Policy" in one or "SEVERE" in one] == []


def test_a_dead_letter_is_read_repaired_and_sent_again(live: Live, onlooker: Onlooker) -> None:
    def letters() -> dict[str, int]:
        found: dict[str, int] = {}
        for row in onlooker.rows("letters"):
            found[row[2]] = found.get(row[2], 0) + 1
        return found

    onlooker.opens("/health")
    onlooker.sees(lambda: letters() == dict(live.counted.letters))
    assert number(onlooker.figures()["Dead letters"]) == live.counted.letters.total()
    onlooker.browser.execute_script(
        "[...document.querySelectorAll('[data-table=letters] tr')].find(row => row.textContent.includes('repaired'))"
        ".querySelector('a').click()"
    )
    field = onlooker.sees(lambda: onlooker.browser.find_element(By.NAME, "value"))
    assert json.loads(field.get_property("value")) == DOUBTFUL
    onlooker.clicks("button:not(.plain)")
    assert "would be refused again" in onlooker.text
    field = onlooker.browser.find_element(By.NAME, "value")
    field.clear()
    field.send_keys(json.dumps({**DOUBTFUL, "timestamp": live.summary["last_event_time"]}))
    onlooker.clicks("button:not(.plain)")
    assert "Sent again" in onlooker.text
    with redis.Redis.from_url(live.summary["redis"]) as client:
        onlooker.sees(lambda: client.exists("lifecycle:customer:{repaired}"))


@pytest.fixture
def guarded(live: Live, tmp_path: Path) -> Iterator[str]:
    """A console beside the demo's own, with tokens of its own."""
    config = tmp_path / "tokens.toml"
    roles = {"ada": (OPERATOR, "operator"), "bob": (READER, "reader")}
    lines = [
        f'[console.tokens.{name}]\ntoken = "{token}"\nrole = "{role}"'
        for name, (token, role) in roles.items()
    ]
    config.write_text("\n".join(lines))
    words = (
        "--kafka",
        live.summary["kafka"],
        "--redis",
        live.summary["redis"],
        "--data-dir",
        str(tmp_path / "data"),
    )
    with running(tmp_path, "console", "--config", str(config), "--port", "0", *words) as console:
        assert console.stdout is not None
        yield console.stdout.readline().removeprefix("console: ").strip()
        console.terminate()
        console.wait(60)


def test_a_reader_logs_in_sees_everything_and_sends_nothing(live: Live, guarded: str, tmp_path: Path) -> None:
    (tmp_path / "profile").mkdir()
    with chromium(tmp_path / "profile") as browser:
        reader = Onlooker(browser, guarded)
        reader.opens("/health")
        assert reader.heading == "lifecycle"
        assert "token=" not in guarded
        browser.find_element(By.NAME, "token").send_keys("no such token", Keys.ENTER)
        reader.sees(lambda: "not known" in reader.text)
        browser.find_element(By.NAME, "token").send_keys(READER, Keys.ENTER)
        reader.sees(lambda: reader.heading == "Health")
        reader.sees(lambda: len(reader.rows("letters")) >= live.counted.letters.total())
        assert "bob, reader" in reader.text
        reader.clicks('[data-table="letters"] a[href^="/health/letter"]')
        assert browser.find_elements(By.ID, "raw")
        assert not browser.find_elements(By.NAME, "value")
        assert "needs the role operator" in reader.text
        reader.clicks("button.plain")
        reader.opens("/")
        assert reader.heading == "lifecycle"
