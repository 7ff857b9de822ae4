"""A newcomer with a demo running: who is about to leave and why, and what is wrong when Redis is gone; by clicking alone."""

import json
import os
import signal

import pytest
import redis

from tests.stream_app.console.conftest import Live
from tests.stream_app.console.looking import Onlooker

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]


def test_a_churning_customer_and_why_are_two_clicks_away(live: Live, onlooker: Onlooker) -> None:
    onlooker.sees(lambda: onlooker.heading == "Lifecycle now")
    onlooker.sees(lambda: onlooker.figures()["Churn alerts"] != "0")
    onlooker.clicks(".figures a")
    assert onlooker.heading == "At risk"
    raised = onlooker.sees(lambda: [row for row in onlooker.rows("risk") if row[-1] != "—"])
    assert raised[0][0] in live.counted.raised
    onlooker.browser.execute_script(
        "[...document.querySelectorAll('[data-table=risk] th a')].find(a => a.textContent === arguments[0]).click()",
        raised[0][0],
    )
    onlooker.sees(lambda: onlooker.heading == f"Customer {raised[0][0]}")
    why = onlooker.sees(lambda: onlooker.rows("why-this-risk"))
    assert any("raises the risk" in row[0] for row in why)
    assert "What to do next" in onlooker.text
    assert "Churn alert raised" in onlooker.text

    onlooker.browser.find_element("name", "note").send_keys("called <b>today</b>")
    onlooker.clicks(".take button")
    assert "operator takes care of it since" in onlooker.text
    assert "called <b>today</b>" in onlooker.text
    with redis.Redis.from_url(live.summary["redis"]) as client:
        kept = json.loads(client.hget("{lifecycle:churn-alerts}:acknowledged", raised[0][0]))
    assert (kept["by"], kept["note"]) == ("operator", "called <b>today</b>")


def test_a_stopped_redis_is_told_on_the_first_page_with_what_to_do(live: Live, onlooker: Onlooker) -> None:
    os.kill(live.pid("embedded/redis"), signal.SIGKILL)
    onlooker.sees(lambda: "Redis does not answer" in onlooker.text)
    assert "trouble" in onlooker.browser.find_element("id", "menu").text
    assert "What to do: Start Redis again" in onlooker.text
    onlooker.clicks(".panel.trouble a")
    assert onlooker.heading == "Health"
    assert onlooker.figures()["Redis"] == "away"
    assert "Nothing is lost" in onlooker.text
    customer = live.summary["top_churn_risks"][0]["customer_id"]
    onlooker.opens(f"/customer?id={customer}")
    assert "what the console remembers" in onlooker.text
    with pytest.raises(redis.ConnectionError), redis.Redis.from_url(live.summary["redis"]) as client:
        client.ping()
