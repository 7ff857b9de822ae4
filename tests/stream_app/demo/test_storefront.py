"""`lifecycle demo --shop --exit` starts, checks itself, and leaves nothing behind."""

import json
from pathlib import Path

import pytest

from stream_app.shop.people import PEOPLE
from tests.stream_app.demo.running import alive, lifecycle

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]


def test_a_shop_that_exits_has_led_a_visitor_through_its_stages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "http_proxy", "http://127.0.0.1:9"
    )  # of an office: it does not know this machine's own ports
    ended = lifecycle(tmp_path, "demo", "--shop", "--exit", "--json")

    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    assert found["customers"] == {person.customer.email: person.stage for person in PEOPLE}
    assert list(found["stages"]) == ["browsing", "cart", "new-customer"]
    assert alive(tmp_path) == []


def test_a_shop_with_a_replay_is_refused(tmp_path: Path) -> None:
    ended = lifecycle(tmp_path, "demo", "--shop", "--limit", "10")

    assert (ended.returncode, ended.stdout) == (2, "")
    assert "--limit" in ended.stderr
