"""Real Kafka and real Redis as ordinary processes on loopback, without root, Docker or anything installed."""

from stream_app.embedded.services import EmbeddedServices

__all__ = ["EmbeddedServices"]
