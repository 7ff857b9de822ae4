"""The rules that real SDKs impose on an endpoint: where keys stand, how answers look, and what one bad event costs."""

import gzip
import json
from datetime import datetime, timedelta
from urllib.parse import quote

import orjson
import pytest
import requests

from tests.stream_app.gateway.doors import KEY, READ_KEY, Door, track

pytestmark = pytest.mark.integration

SUCCESS = b'{"success": true}'


def found(door: Door, message: str) -> dict[str, object]:
    """The one event with this messageId."""
    (event,) = [each for each in door.events() if each["messageId"] == message]
    return event


def test_each_call_is_answered_with_exactly_200_and_success(door: Door) -> None:
    for number, path in enumerate(("track", "identify", "page", "screen", "alias", "group")):
        for variant in (f"/v1/{path}", f"/v1/{path}/", f"/v1/{path[0]}"):
            body = {"event": "Product Viewed", "userId": "caller", "messageId": f"call-{number}-{variant}"}
            answer = door.post(variant, body)
            assert (answer.status_code, answer.content) == (200, SUCCESS), variant
    types = [each["type"] for each in door.events() if each.get("userId") == "caller"]
    assert sorted(types) == sorted(["track", "identify", "page", "screen", "alias", "group"] * 3)


def test_a_key_may_stand_in_basic_in_the_body_in_a_bearer_token_or_in_the_url(door: Door) -> None:
    for number, (path, body, headers) in enumerate(
        (
            ("/v1/batch", {"writeKey": KEY}, {}),
            ("/batch", {"api_key": KEY}, {}),
            ("/v1/batch", {}, {"Authorization": f"Bearer {KEY}"}),
            (f"/beacon/v1/batch?writeKey={KEY}", {}, {}),
        )
    ):
        sent = {"batch": [track(number, messageId=f"key-{number}")], **body}
        assert door.post(path, sent, key=None, **headers).content == SUCCESS
    assert "writeKey" not in json.dumps(door.events())


@pytest.mark.parametrize("key", ["wrong", None])
def test_a_wrong_or_missing_key_is_refused_with_code_and_message(door: Door, key: str | None) -> None:
    answer = door.post("/v1/batch", {"batch": [track(0)]}, key=key)

    assert answer.status_code == 401
    assert set(answer.json()) == {"code", "message"}


def test_one_bad_event_becomes_a_dead_letter_and_costs_the_others_nothing(door: Door) -> None:
    bad = b'{"type":"track","event":"X","messageId":"dl-bad","timestamp":"2026-01-05T00:00:00Z","userId":"null"}'
    batch = b'{"batch":[%b,%b,7,%b]}' % (
        orjson.dumps(track(1, messageId="dl-1")), bad, orjson.dumps(track(2, messageId="dl-2")),
    )  # fmt: skip
    answer = door.post("/v1/batch", batch)

    letters = door.tenant.dead_letters()
    assert answer.content == SUCCESS
    assert {found(door, "dl-1")["messageId"], found(door, "dl-2")["messageId"]} == {"dl-1", "dl-2"}
    mine = {each.value: each.headers for each in letters if each.value in (bad, b"7")}
    assert mine[bad]["reason"] == b"missing_id"
    assert mine[b"7"]["reason"] == b"wrong_type"
    assert mine[bad]["source"] == b"website"
    assert KEY.encode() not in b"".join(mine[bad].values())


def test_a_clock_that_goes_wrong_is_corrected_by_the_time_of_sending(door: Door) -> None:
    sent = {
        "batch": [track(1, messageId="skew", timestamp="2031-05-05T10:00:00Z")],
        "sentAt": "2031-05-05T10:00:10Z",
    }
    door.post("/v1/batch", sent)

    event = found(door, "skew")
    received = datetime.fromisoformat(str(event["receivedAt"]))
    assert datetime.fromisoformat(str(event["timestamp"])) == received - timedelta(seconds=10)
    assert event["originalTimestamp"] == "2031-05-05T10:00:00Z"


def test_an_original_timestamp_counts_before_the_timestamp_and_an_events_own_time_of_sending(
    door: Door,
) -> None:
    event = track(
        1, messageId="own", timestamp="2031-01-01T00:00:00Z", originalTimestamp="2031-05-05T10:00:00Z",
        sentAt="2031-05-05T10:01:00Z",
    )  # fmt: skip
    door.post("/v1/batch", {"batch": [event], "context": {"ip": "192.0.2.1"}})

    stored = found(door, "own")
    received = datetime.fromisoformat(str(stored["receivedAt"]))
    assert datetime.fromisoformat(str(stored["timestamp"])) == received - timedelta(seconds=60)
    assert stored["context"] == {"ip": "192.0.2.1"}


def test_without_a_time_of_sending_the_sender_is_believed_and_without_a_time_the_arrival_counts(
    door: Door,
) -> None:
    door.post(
        "/v1/batch",
        {"batch": [track(1, messageId="believed"), {"type": "page", "userId": "timeless", "messageId": "t"}]},
    )

    assert found(door, "believed")["timestamp"] == "2026-01-05T14:10:16.735000Z"
    timeless = found(door, "t")
    assert timeless["timestamp"] == timeless["receivedAt"]


def test_an_event_without_a_message_id_gets_one(door: Door) -> None:
    for _ in range(2):
        door.post("/v1/track", {"event": "Product Viewed", "anonymousId": "nameless"})
    ids = [each["messageId"] for each in door.events() if each.get("anonymousId") == "nameless"]

    assert len(set(ids)) == 2


def test_what_was_sent_is_kept_apart_from_what_is_added(door: Door) -> None:
    event = track(
        1, messageId="kept", properties={"a": [1, {"timestamp": "x"}], "ü": "☃"}, integrations={"All": True}
    )
    door.post("/v1/batch", {"batch": [event]})

    stored = found(door, "kept")
    assert {key: stored[key] for key in ("properties", "integrations", "userId", "event")} == {
        key: event[key] for key in ("properties", "integrations", "userId", "event")
    }


def test_the_older_spellings_of_ids_choose_the_partition_as_at_the_worker(door: Door) -> None:
    event = track(1, messageId="older", anonymousId="older-a", user_id="older-u")
    del event["userId"]
    door.post("/v1/batch", {"batch": [event]})

    (record,) = [each for each in door.arrived()["clickstream"] if b'"older"' in (each.value or b"")]
    assert record.key == b"older-u"


def test_a_single_event_of_posthog_may_have_a_property_that_is_called_batch(door: Door) -> None:
    event = {"api_key": KEY, "event": "Order Completed", "distinct_id": "u1", "uuid": "one-of-a-batch"}
    answer = door.post("/capture/", event | {"properties": {"batch": "b-17"}}, key=None)

    assert answer.content == SUCCESS
    assert found(door, "one-of-a-batch")["properties"] == {"batch": "b-17"}


def test_all_members_of_a_gzipped_body_are_read(door: Door) -> None:
    body = orjson.dumps({"batch": [track(1, messageId="members")], "writeKey": KEY})
    packed = gzip.compress(body[:20]) + gzip.compress(b"") + gzip.compress(body[20:])

    assert door.post("/v1/batch", packed, key=None, **{"Content-Encoding": "gzip"}).content == SUCCESS
    assert found(door, "members")


def test_content_type_says_nothing_and_gzip_is_understood(door: Door) -> None:
    body = orjson.dumps({"batch": [track(1, messageId="zipped")], "writeKey": KEY})
    packed = {"Content-Encoding": "gzip", "Content-Type": "application/x-www-form-urlencoded"}

    assert door.post("/v1/batch", gzip.compress(body), key=None, **packed).content == SUCCESS
    assert found(door, "zipped")


def test_a_browser_may_ask_and_a_beacon_needs_no_header(door: Door) -> None:
    asked = requests.options(
        f"{door.url}/v1/t",
        headers={
            "Origin": "https://shop.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type,anonymousid",
        },
        timeout=30,
    )
    beacon = door.post(
        "/v1/t",
        {
            "type": "track",
            "event": "Product Viewed",
            "anonymousId": "b",
            "messageId": "beacon",
            "writeKey": KEY,
        },
        key=None,
        **{"Content-Type": "text/plain;charset=UTF-8", "Origin": "https://shop.example"},
    )

    assert asked.status_code == 200
    assert asked.headers["Access-Control-Allow-Origin"] == "*"
    assert "anonymousid" in asked.headers["Access-Control-Allow-Headers"]
    assert beacon.content == SUCCESS
    assert beacon.headers["Access-Control-Allow-Origin"] == "*"


def test_a_browsers_sdk_finds_its_settings_here(door: Door) -> None:
    known = requests.get(f"{door.url}/v1/projects/{KEY}/settings", timeout=30)
    unknown = requests.get(f"{door.url}/v1/projects/nobody/settings", timeout=30)

    told = known.json()["integrations"]["Segment.io"]
    assert f"{told['protocol']}://{told['apiHost']}" == f"{door.url}/v1"
    assert unknown.status_code == 401


def test_a_key_that_sends_too_much_is_told_when_to_go_on(door: Door) -> None:
    first = door.post(
        "/v1/batch", {"batch": [track(n, messageId=f"slow-{n}") for n in range(40)]}, key="wk-slow"
    )
    second = door.post("/v1/batch", {"batch": [track(1)]}, key="wk-slow")
    other = door.post("/v1/batch", {"batch": [track(1, messageId="other")]})

    assert first.status_code == 200
    assert second.status_code == 429
    assert 1 <= int(second.headers["Retry-After"]) <= 8
    assert other.status_code == 200


def test_events_travel_on_the_topic_of_their_name(door: Door) -> None:
    names = {
        "Order Completed": "purchases",
        "Email Opened": "email",
        "Ticket Created": "service",
        "Ad Clicked": "ads",
    }
    door.post("/v1/batch", {"batch": [track(0, event=name, messageId=f"topic-{name}") for name in names]})

    arrived = door.arrived()
    for name, topic in names.items():
        assert any(f"topic-{name}".encode() in (each.value or b"") for each in arrived[topic]), name


def test_cloud_events_are_taken_in_all_three_modes(door: Door) -> None:
    event = {
        "specversion": "1.0",
        "source": "/shop",
        "type": "com.example.product.viewed",
        "time": "2026-01-05T00:00:00Z",
    }
    structured = {**event, "id": "ce-1", "data": {"userId": "ce"}}
    batch = [{**event, "id": "ce-2", "data": {"userId": "ce"}}, {**event, "id": "ce-3", "partitionkey": "ce"}]
    binary = {f"ce-{name}": value for name, value in {**event, "id": "ce-4"}.items()}

    kind = "Content-Type"
    assert door.post("/v1/events", structured, **{kind: "application/cloudevents+json"}).content == SUCCESS
    assert door.post("/v1/events", batch, **{kind: "application/cloudevents-batch+json"}).content == SUCCESS
    assert (
        door.post("/v1/events", {"userId": "ce"}, **{kind: "application/json"}, **binary).content == SUCCESS
    )
    assert door.post("/v1/events", {"userId": "ce"}).status_code == 400
    found_ids = {each["id"] for each in door.events() if each.get("specversion")}
    assert found_ids == {"ce-1", "ce-2", "ce-3", "ce-4"}


def test_a_profile_is_read_by_any_of_its_ids(door: Door) -> None:
    prefix = door.tenant.prefix

    async def write(client: object) -> None:
        fields = {
            "customer_id": "c-17",
            "stage": "loyalty",
            "churn_risk": "0.25",
            "version": "3",
            "model_version": "40",
            "next_stage": "",
        }
        await client.hset(f"{prefix}:customer:{{c-17}}", mapping=fields)  # type: ignore[attr-defined]
        await client.set(f"{prefix}:alias:{{anon-1}}", "c-17")  # type: ignore[attr-defined]

    door.tenant.redis(write)
    own, merged = (
        requests.get(f"{door.url}/v1/profiles/{each}", auth=(READ_KEY, ""), timeout=30)
        for each in ("c-17", "anon-1")
    )

    assert own.json() == merged.json()
    assert own.json() == {
        "customer_id": "c-17",
        "stage": "loyalty",
        "churn_risk": 0.25,
        "version": 3,
        "model_version": 40,
        "next_stage": None,
    }
    for nobody in ("nobody", "%FF", "%ED%A0%80"):  # the last two are no UTF-8
        url = f"{door.url}/v1/profiles/{nobody}"
        assert requests.get(url, auth=(READ_KEY, ""), timeout=30).status_code == 404
    assert requests.get(f"{door.url}/v1/profiles/c-17", auth=(KEY, ""), timeout=30).status_code == 401


@pytest.mark.parametrize("customer", ["a\nb", "a\n", "a/b", "a/", "ü?#%"])
def test_a_profile_is_read_whatever_its_id_holds(door: Door, customer: str) -> None:
    async def write(client: object) -> None:
        key = f"{door.tenant.prefix}:customer:{{{customer}}}"
        await client.hset(key, mapping={"customer_id": customer, "stage": "new"})  # type: ignore[attr-defined]

    door.tenant.redis(write)
    path = f"/v1/profiles/{quote(customer, safe='')}"
    answer = requests.get(door.url + path, auth=(READ_KEY, ""), timeout=30)

    assert answer.json() == {"customer_id": customer, "stage": "new"}


def test_the_description_names_every_route(door: Door) -> None:
    document = requests.get(f"{door.url}/openapi.json", timeout=30).json()

    assert document["openapi"].startswith("3.1")
    assert {
        "/v1/track",
        "/v1/batch",
        "/batch",
        "/v1/events",
        "/v1/webhooks/{name}",
        "/v1/profiles/{id}",
    } <= set(document["paths"])
    for path, methods in document["paths"].items():
        if "{" not in path and "get" in methods:
            assert requests.get(door.url + path, timeout=30).status_code == 200


def test_keys_stand_in_no_log(door: Door) -> None:
    door.post(f"/v1/batch?writeKey={KEY}", b"{", key=None)

    assert KEY not in door.log.read_text("utf-8")
