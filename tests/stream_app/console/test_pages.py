"""Who may see what, and that nothing from outside becomes part of the page."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from stream_app.console.store import Store
from tests.stream_app.console.shown import EVIL, OPERATOR, READER, Shown, fill, shown, told

VIEWS = ("/", "/transitions", "/customer", "/risk", "/models", "/health")


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    directory = tmp_path_factory.mktemp("console")
    store = Store(directory / "h.sqlite")
    fill(
        store,
        [
            told("ann", 1, "awareness", "2026-01-01", reason="entered"),
            told(
                "ann",
                2,
                "purchase",
                "2026-01-05",
                previous_stage="awareness",
                reason="skipped",
                churn_risk=0.5,
            ),
            told(EVIL, 1, "awareness", "2026-01-02", reason="entered", recommended_action=EVIL),
            told("=cmd()", 1, "awareness", "2026-01-02", reason="entered"),
        ],
    )
    with shown(directory, store) as made:
        yield made
    store.close()


def logged_in(console: Shown, token: str) -> requests.Session:
    session = requests.Session()
    session.post(
        f"{console.address}/login", data={"token": token, "next": "/"}, timeout=30
    ).raise_for_status()
    return session


@pytest.mark.parametrize("view", VIEWS)
def test_a_stranger_sees_the_login_only(console: Shown, view: str) -> None:
    answer = requests.get(console.address + view, timeout=30)
    assert "/login?next=" in answer.url
    assert "ann" not in answer.text


@pytest.mark.parametrize("view", VIEWS)
def test_each_view_has_an_address_and_allows_no_inline_script(console: Shown, view: str) -> None:
    answer = logged_in(console, READER).get(console.address + view, timeout=30)
    assert answer.status_code == 200
    policy = answer.headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<script(?! src=)|<[^>]*\s(on\w+|style)=|https?://(?!127)", answer.text)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_wrong_token_a_foreign_cookie_and_a_foreign_header_open_nothing(console: Shown) -> None:
    assert requests.post(f"{console.address}/login", data={"token": "x" * 20}, timeout=30).status_code == 403
    for headers in ({"Cookie": "lifecycle_console=eyJuYW1lIjoiYWRhIn0=.x.y"}, {"X-Forwarded-User": "ada"}):
        assert "/login" in requests.get(console.address, headers=headers, timeout=30).url


def test_the_login_leads_nowhere_else(console: Shown) -> None:
    answer = requests.post(
        f"{console.address}/login",
        data={"token": READER, "next": "//evil.example"},
        timeout=30,
        allow_redirects=False,
    )
    assert answer.headers["location"] == "/"


def test_an_id_that_is_markup_is_shown_as_text(console: Shown) -> None:
    session = logged_in(console, READER)
    for view in ("/risk", "/transitions/customers?before=&after=awareness"):
        text = session.get(console.address + view, timeout=30).text
        assert "<img" not in text
        assert "&lt;img" in text
    answer = session.get(f"{console.address}/customer", params={"id": EVIL}, timeout=30)
    assert "<img" not in answer.text
    assert "onerror=&#34;" in answer.text


def test_a_table_is_exported_and_no_cell_becomes_a_formula(console: Shown) -> None:
    session = logged_in(console, READER)
    stages = session.get(f"{console.address}/?csv=stages", timeout=30)
    assert stages.headers["content-type"].startswith("text/csv")
    assert "awareness,2," in stages.text
    assert "purchase,1," in stages.text
    assert "\n'=cmd()," in session.get(f"{console.address}/risk?csv=risk", timeout=30).text


def test_sending_again_needs_the_proof_of_the_session_and_the_role(console: Shown) -> None:
    for token, is_operator in ((OPERATOR, True), (READER, False)):
        session = logged_in(console, token)
        proof = re.search(r'name="csrf" value="(\w+)"', session.get(console.address, timeout=30).text)
        assert proof
        forged = session.post(
            f"{console.address}/health/letter", data={"place": "0:0", "csrf": "x"}, timeout=30
        )
        assert (forged.status_code, "not from this session" in forged.text) == (403, True)
        genuine = session.post(
            f"{console.address}/health/letter", data={"place": "x", "csrf": proof[1]}, timeout=30
        )
        assert genuine.status_code == (404 if is_operator else 403)
        care = {"lifecycle": "six-stage", "id": "ann"}
        for csrf, status in (("x", 403), (proof[1], 503 if is_operator else 403)):  # nothing answers as Redis
            answer = session.post(f"{console.address}/customer", data={**care, "csrf": csrf}, timeout=30)
            assert answer.status_code == status


def test_a_header_counts_when_it_is_configured_and_comes_from_the_proxy(
    console: Shown, tmp_path: Path
) -> None:
    chosen = {"user_header": "X-Forwarded-User", "trusted_proxies": ["127.0.0.1"], "operators": ["ada"]}
    with shown(tmp_path, console.store, **chosen) as behind_proxy:
        for name, role in (("ada", "operator"), ("eve", "reader")):
            answer = requests.get(behind_proxy.address, headers={"X-Forwarded-User": name}, timeout=30)
            assert f"{name}, {role}" in answer.text
    with shown(tmp_path, console.store, **{**chosen, "trusted_proxies": ["10.0.0.1"]}) as elsewhere:
        assert (
            "/login" in requests.get(elsewhere.address, headers={"X-Forwarded-User": "ada"}, timeout=30).url
        )
