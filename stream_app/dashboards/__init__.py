"""Grafana dashboards as code: what operators and marketers look at, over the metrics that every process tells."""
