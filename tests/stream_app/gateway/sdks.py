"""Unmodified clients of several vendors, pointed at a gateway: `python -m tests.stream_app.gateway.sdks URL KEY COUNT`.

Each sends COUNT track events and some calls of other types; an error of any of them ends the process with 1.
"""

import sys
from typing import Any

import posthog
import rudderstack.analytics.client as rudder
import segment.analytics.client as segment

ERRORS: list[Any] = []


def on_error(error: Any, *_batch: Any) -> None:
    ERRORS.append(error)


def main(url: str, key: str, count: int) -> None:
    for name, made in (
        ("segment", segment.Client(key, host=url, on_error=on_error)),
        ("segment-gzip", segment.Client(key, host=url, on_error=on_error, gzip=True, upload_size=50)),
        ("rudder", rudder.Client(key, host=url, on_error=on_error)),
        ("rudder-gzip", rudder.Client(key, host=url, on_error=on_error, gzip=True)),
    ):
        client: Any = made
        for number in range(count):
            client.track(f"{name}-{number}", "Order Completed", {"revenue": number + 0.5})
        client.identify(f"{name}-0", {"email": "a@example.com"})
        client.page(f"{name}-0", "Shop", "Home", {"path": "/"})
        client.screen(f"{name}-0", "App", "Home", {})
        client.alias(f"{name}-anonymous", f"{name}-0")
        client.group(f"{name}-0", "g1", {"plan": "pro"})
        client.flush()
        client.join()
    for name, options in (
        ("posthog", {}),
        ("posthog-gzip", {"gzip": True}),
        ("posthog-v1", {"capture_mode": "v1"}),
    ):
        hog = posthog.Posthog(key, host=url, on_error=on_error, **options)
        for number in range(count):
            hog.capture(
                "Order Completed", distinct_id=f"{name}-{number}", properties={"revenue": number + 0.5}
            )
        hog.alias(previous_id=f"{name}-anonymous", distinct_id=f"{name}-0")
        hog.set(distinct_id=f"{name}-0", properties={"email": "a@example.com"})
        hog.group_identify("company", "g1", {"plan": "pro"}, distinct_id=f"{name}-0")
        hog.flush()
        hog.shutdown()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    sys.exit(f"{len(ERRORS)} errors, the first: {ERRORS[0]}" if ERRORS else 0)
