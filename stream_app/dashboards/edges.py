"""The dashboard for both ends of the service: what comes in over HTTP, and how other systems are told."""

from typing import Final

from stream_app.dashboards.panel import Board, Panel

__all__ = ["EDGES"]

EDGES: Final = Board(
    "lifecycle-edges",
    "Lifecycle / front door and deliveries",
    "Do events get in over HTTP, and are other systems told?",
    {
        "Front door": (
            Panel(
                "Events taken",
                "Events that Kafka has, a second, by sender; a dead letter is an event that cannot be counted.",
                "sum by (source, outcome) (rate(lifecycle_gateway_events_total[1m]))",
                "{{source}} {{outcome}}",
                "ops",
                "areas",
            ),
            Panel(
                "Requests by answer",
                "4xx: look at the senders. 5xx: look at Kafka; senders send again.",
                "sum by (route, status) (rate(lifecycle_gateway_requests_total[1m]))",
                "{{route}} {{status}}",
                "ops",
            ),
            Panel(
                "Time to an answer",
                "99 of 100 requests are answered faster, which is when Kafka has acknowledged.",
                "histogram_quantile(0.99, sum by (le) (rate(lifecycle_gateway_request_seconds_bucket[5m])))",
                "p99",
                "s",
            ),
            Panel(
                "Waiting for Kafka",
                "At gateway.max_queue_bytes requests are answered 503. Rising: Kafka is slow, or start another gateway.",
                "sum by (instance) (lifecycle_gateway_queue_bytes)",
                "{{instance}}",
                "bytes",
            ),
            Panel(
                "Refused by code",
                "The last hour. invalid_key: somebody's key is wrong; rate_limited: a sender is too fast; busy: see above.",
                "sum by (code) (increase(lifecycle_gateway_refused_total[1h]))",
                "{{code}}",
                width=18,
            ),
            Panel(
                "Kafka",
                "1: every gateway can send. 0: /readyz and requests answer 503 until Kafka is back.",
                "min(lifecycle_gateway_kafka_up)",
                kind="number",
                good=1,
                width=6,
            ),
        ),
        "Deliveries": (
            Panel(
                "Messages behind",
                "Published and not finished. Rising: the destination is dead or slow; others go on.",
                "sum by (destination) (lifecycle_delivery_lag)",
                "{{destination}}",
            ),
            Panel(
                "Messages finished",
                "In the last hour. given_up or refused: mend the destination, then `lifecycle redeliver`.",
                "sum by (destination, outcome) (increase(lifecycle_deliveries_total[1h]))",
                "{{destination}} {{outcome}}",
            ),
            Panel(
                "Attempts",
                "A second. failed: tried again with growing pauses.",
                "sum by (destination, outcome) (rate(lifecycle_delivery_attempts_total[5m]))",
                "{{destination}} {{outcome}}",
                "ops",
            ),
            Panel(
                "Duration of a request",
                "p99 of the time that a destination takes to answer.",
                "histogram_quantile(0.99, sum by (le, destination) (rate(lifecycle_delivery_seconds_bucket[5m])))",
                "{{destination}}",
                "s",
            ),
            Panel(
                "Destinations",
                "1: the last request was answered well.",
                "min by (destination) (lifecycle_destination_up)",
                "{{destination}}",
                kind="number",
                good=1,
                width=24,
            ),
        ),
    },
)
