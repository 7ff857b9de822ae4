"""Events in, profiles and features out: the pure fold, without Kafka, Redis or a clock."""
