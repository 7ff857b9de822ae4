"""Stage changes and churn alerts on their way out: signed webhooks, and fields of other people's systems.

Each destination is a TOML file (``config/destinations/``), has a consumer group, a queue and an attempt log of its
own, and knows nothing of the others: a dead one grows its own lag and nothing else.
"""
