"""Webhooks: what is signed as the senders sign is kept, what is not is refused; each preset maps its sample."""

import json
from pathlib import Path
from typing import Any

import pytest
import stripe
from sendgrid.helpers.eventwebhook import EventWebhook

from stream_app.bundled import bundled
from stream_app.errors import Misconfigured
from stream_app.gateway.sample import try_sample
from stream_app.gateway.source_file import load_source, names
from stream_app.settings import Settings
from tests.integration.workers import Tenant
from tests.stream_app.gateway import signing
from tests.stream_app.gateway.doors import KEY, Door, gateway

SAMPLES = sorted(bundled("sources", "samples").iterdir())
ALSO = {
    "meta-leads-details": "meta-leads",
    "google-ads-cost-page": "google-ads-cost",
    "shopify-refund": "shopify",
    "stripe-invoice": "stripe",
    "stripe-refund": "stripe",
}
"""Further samples, and the preset that each is for."""
GOLDEN = Path(__file__).with_name("expected_samples.json")


def body_of(name: str) -> bytes:
    """The body of a bundled sample."""
    (file,) = [each for each in SAMPLES if each.stem == name]
    content = file.read_bytes()
    return (content.partition(b"\n\n")[2] if file.suffix == ".http" else content).strip()


def mapped(sample: Path) -> list[dict[str, Any]]:
    """What a sample becomes, without what depends on the moment."""
    facts = [each.facts for each in try_sample(Settings(), sample, ALSO.get(sample.stem, sample.stem))]
    for each in facts:
        event = each["event"]
        if event is not None:
            if event["timestamp"] == event["receivedAt"]:
                event["timestamp"] = "on arrival"
            del event["receivedAt"]
    return facts


def test_every_preset_has_a_sample_and_none_of_it_is_refused() -> None:
    assert set(names()) == {each.stem for each in SAMPLES} - set(ALSO)
    assert [each.name for each in SAMPLES for fact in mapped(each) if fact["refused"]] == []


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda each: str(each.stem))
def test_each_sample_becomes_the_events_that_are_written_down(sample: Path) -> None:
    expected = json.loads(GOLDEN.read_text("utf-8"))

    assert mapped(sample) == expected[sample.stem]


@pytest.mark.parametrize("name", names())
def test_each_preset_names_only_events_that_are_known(name: str) -> None:
    from stream_app.event_names import load_measures  # noqa: PLC0415 - this test alone

    known = load_measures(Settings())
    meant = {each for rule in load_source(name).event for each in rule.names.values()}

    assert {each for each in meant if known.kind("track", each) is known.unknown} <= {"Trial Ending"}


def test_the_helpers_of_these_tests_sign_as_the_senders_do() -> None:
    body = body_of("sendgrid")
    header = signing.sendgrid(body)
    stamp, signature = (header[f"X-Twilio-Email-Event-Webhook-{part}"] for part in ("Timestamp", "Signature"))
    assert EventWebhook(signing.VERIFICATION_KEY).verify_signature(body.decode(), signature, stamp)

    body = body_of("stripe")
    event = stripe.Webhook.construct_event(  # type: ignore[no-untyped-call]
        body.decode(), signing.stripe(body)["Stripe-Signature"], signing.SECRET
    )
    assert event["id"] == "evt_1"


@pytest.mark.integration
@pytest.mark.parametrize(
    ("name", "sign", "arrives"),
    [
        ("sendgrid", signing.sendgrid, ["e1", "e2", "e4"]),
        ("mandrill", signing.mandrill, ["m1-hard_bounce-1763800004", "m2-open-1763800005"]),
        ("shopify", signing.shopify, ["shopify-order-5940139491234"]),
        ("stripe", signing.stripe, ["evt_1"]),
        ("hubspot", signing.hubspot, ["hubspot-3816279340", "hubspot-3816279480"]),
        ("meta-leads", signing.meta, ["meta-lead-123123123123"]),
    ],
)
def test_what_is_signed_is_kept_and_what_is_changed_on_its_way_is_refused(
    door: Door, name: str, sign: Any, arrives: list[str]
) -> None:
    body = body_of(name)
    headers = sign(body)
    changed = door.post(f"/v1/webhooks/{name}", body.replace(b"1", b"2", 1), key=None, **headers)
    unsigned = door.post(f"/v1/webhooks/{name}", body, key=None)
    with_write_key = door.post(f"/v1/webhooks/{name}", body, key=KEY)
    signed = door.post(f"/v1/webhooks/{name}", body, key=None, **headers)

    assert [each.status_code for each in (changed, unsigned, with_write_key, signed)] == [401, 401, 401, 200]
    ids = [each["messageId"] for each in door.events()]
    assert [ids.count(each) for each in arrives] == [1] * len(arrives)


@pytest.mark.integration
def test_an_old_signature_is_refused(door: Door) -> None:
    body = body_of("stripe")

    assert (
        door.post("/v1/webhooks/stripe", body, key=None, **signing.stripe(body, age_s=301)).status_code == 401
    )


@pytest.mark.integration
@pytest.mark.parametrize(
    ("name", "headers"),
    [
        ("stripe", {"Stripe-Signature": f"t={'1' * 5000},v1=00"}),
        ("stripe", {"Stripe-Signature": "t=soon,v1=00"}),
        ("hubspot", {"X-HubSpot-Signature-v3": "00", "X-HubSpot-Request-Timestamp": "1" * 5000}),
    ],
)
def test_an_instant_that_is_none_is_a_wrong_signature(door: Door, name: str, headers: dict[str, str]) -> None:
    assert door.post(f"/v1/webhooks/{name}", body_of(name), key=None, **headers).status_code == 401


@pytest.mark.integration
def test_senders_that_repeat_a_secret_and_those_that_carry_a_write_key(door: Door) -> None:
    def status(path: str, name: str) -> int:
        return door.post(path, body_of(name), key=None).status_code

    assert status("/v1/webhooks/mailchimp", "mailchimp") == 401
    assert status(f"/v1/webhooks/mailchimp?secret={signing.SECRET}", "mailchimp") == 200
    assert status("/v1/webhooks/google-ads-leads", "google-ads-leads") == 200
    assert status("/v1/webhooks/marketo", "marketo") == 401
    assert status(f"/v1/webhooks/marketo?key={KEY}", "marketo") == 200
    assert status("/v1/webhooks/nobody", "marketo") == 404


@pytest.mark.integration
def test_systems_that_ask_first_are_answered(door: Door) -> None:
    import requests  # noqa: PLC0415 - this test alone

    url = f"{door.url}/v1/webhooks"
    challenge = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": KEY}

    assert requests.get(f"{url}/mailchimp", timeout=30).status_code == 200
    assert requests.get(f"{url}/meta-leads", challenge, timeout=30).text == "1158201444"
    assert (
        requests.get(f"{url}/meta-leads", challenge | {"hub.verify_token": "x"}, timeout=30).status_code
        == 401
    )


@pytest.mark.integration
def test_a_stranger_adds_a_source_by_a_file(elsewhere: Tenant) -> None:
    mine = elsewhere.directory / "mine.toml"
    mine.write_text(
        'title = "Mine"\neach = "rows"\n[verify]\nkind = "secret"\nplace = "header:X-Mine"\n'
        '[[event]]\nwhen = "won"\nevent = "\'Order Completed\'"\nuser_id = "who"\n'
        '[event.properties]\nrevenue = "decimal(sum)"\n'
    )
    configured = {
        "LIFECYCLE_GATEWAY__WEBHOOKS__CRM__SOURCE": str(mine),
        "LIFECYCLE_GATEWAY__WEBHOOKS__CRM__SECRET": "open sesame",
    }
    with gateway(elsewhere, **configured) as door:
        sent = {"rows": [{"won": True, "who": 7, "sum": "12.5"}, {"won": False}, {"won": True, "sum": "1"}]}
        for _ in range(2):
            assert (
                door.post("/v1/webhooks/crm", sent, key=None, **{"X-Mine": "open sesame"}).status_code == 200
            )
        events, letters = door.events(), elsewhere.dead_letters()

    assert [(each["event"], each["userId"], each["properties"]) for each in events] == [
        ("Order Completed", "7", {"revenue": 12.5})
    ] * 2
    assert len({each["messageId"] for each in events}) == 1, "sent again, it is the same event"
    assert [json.loads(each.value or b"") for each in letters] == [{"won": True, "sum": "1"}] * 2


@pytest.mark.integration
def test_a_tenant_for_a_source_with_a_write_key_is_refused_because_the_keys_tenant_counts(
    elsewhere: Tenant,
) -> None:
    ended = elsewhere.command(
        "gateway", "--port", "0", "--write-key", KEY, LIFECYCLE_GATEWAY__WEBHOOKS__MARKETO__TENANT="other"
    )

    assert ended.returncode == 2
    assert "gateway.webhooks.marketo.tenant: " in ended.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "title: Field required"),
        ('title = "x"\n[[event]]\nuser = "u"\n', "event.0.user: unknown key"),
        ('title = "x"\n[[event]]\nuser_id = "a ||"\n', "event.0.user_id: 'a ||' is no JMESPath"),
        ('title = "x"\n[verify]\nkind = "magic"\n[[event]]\n', "verify: Input tag 'magic'"),
        ("title = ", "is not TOML"),
    ],
)
def test_a_wrong_source_file_is_refused_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text(text, "utf-8")

    with pytest.raises(Misconfigured) as refused:
        load_source(str(file))

    assert refused.value.sentence.startswith(f"{file}: ")
    assert said in refused.value.sentence
