"""An event that no parser gets past, among good ones: it is kept as a dead letter, and the others arrive."""

import orjson
import pytest

from tests.stream_app.gateway.doors import KEY, Door, track

pytestmark = pytest.mark.integration

SUCCESS = b'{"success": true}'
UNREADABLE = {
    "nan": (b'"properties":{"revenue":NaN}', "bad_amount"),
    "half-emoji": (b'"name":"\\ud83d","event":"\\ud83d"', "invalid_json"),
    "utf-8": (b'"note":"\xff\xc3"', "invalid_json"),
    "deep": (b'"x":' + b'{"a":' * 5_000 + b"1" + b"}" * 5_000, "invalid_json"),
}


@pytest.mark.parametrize("kind", UNREADABLE)
@pytest.mark.parametrize("path", ["/v1/batch", "/batch", "/v1/track"])
def test_an_event_that_the_parser_cannot_pass_costs_the_others_nothing(
    door: Door, path: str, kind: str
) -> None:
    text, reason = UNREADABLE[kind]
    mark = f"{kind}-{path}"
    before, behind = (
        orjson.dumps(track(each, messageId=f"{mark}-{each}", uuid=f"{mark}-{each}", distinct_id="u"))
        for each in (1, 2)
    )
    bad = b'{"messageId":"%b","userId":"u","event":"Order Completed","type":"track",%b}' % (
        mark.encode(),
        text,
    )
    batch = b'{"sentAt":NaN,"batch":[%b,%b,%b],"writeKey":"%b"}' % (before, bad, behind, KEY.encode())

    answer = door.post(path, bad if path == "/v1/track" else batch, key=KEY)

    (found_letter,) = [
        each for each in door.tenant.dead_letters() if mark.encode() + b'"' in (each.value or b"")
    ]
    arrived = sorted(str(each["messageId"]) for each in door.events() if mark in str(each.get("messageId")))
    assert answer.content == SUCCESS
    assert arrived == ([] if path == "/v1/track" else [f"{mark}-1", f"{mark}-2"])
    assert (found_letter.value or b"").decode() == bad.decode("utf-8", "replace")
    assert found_letter.headers["reason"] == (b"invalid_json" if path == "/batch" else reason.encode())


def test_a_cloud_event_that_the_parser_cannot_pass_costs_the_others_nothing(door: Door) -> None:
    good = {"specversion": "1.0", "source": "/shop", "type": "com.example.product.viewed", "id": "ce-beside"}
    body = b'[{"id":"ce-odd","data":{"x":NaN,"y":"\xff"}},%b]' % orjson.dumps(
        good | {"data": {"userId": "ce"}}
    )

    answer = door.post("/v1/events", body, **{"Content-Type": "application/cloudevents-batch+json"})

    letters = [each.value or b"" for each in door.tenant.dead_letters()]
    assert answer.content == SUCCESS
    assert [each["id"] for each in door.events() if each.get("id") == "ce-beside"] == ["ce-beside"]
    assert '{"id":"ce-odd","data":{"x":NaN,"y":"\ufffd"}}'.encode() in letters


@pytest.mark.parametrize(
    ("path", "good", "kind"),
    [
        ("/batch", {"event": "Order Completed", "distinct_id": "u"}, "application/json"),
        (
            "/v1/events",
            {"specversion": "1.0", "source": "/s", "type": "x", "id": "deep"},
            "application/cloudevents-batch+json",
        ),
        ("/v1/webhooks/marketo", {"activity": "Fills Out Form", "customer_id": "u"}, "application/json"),
    ],
)
def test_an_event_with_more_levels_than_can_be_written_costs_the_others_nothing(
    door: Door, path: str, good: dict[str, str], kind: str
) -> None:
    deep = b"[" * 500 + b"]" * 500
    plain = orjson.dumps(good | {"uuid": "beside", "data": {"userId": "beside"}, "asset": "beside"})
    odd = orjson.dumps(good)[:-1] + b',"properties":%b,"data":%b,"asset":%b}' % (deep, deep, deep)

    answer = door.post(path, b"[%b,%b]" % (odd, plain), **{"Content-Type": kind})

    assert answer.content == SUCCESS
    assert [each for each in door.events() if "beside" in str(each)]
