"""The front door: events come in over HTTP, and an answer of success means that Kafka has them."""
