"""The service: wires state and scorers to Kafka, Redis, HTTP and the clock."""
