"""The main job as a demonstration: real Kafka, real Redis, a worker, a trainer and two years of real orders."""
