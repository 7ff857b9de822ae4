"""The web console: look rather than read.

``store`` keeps history in SQLite, ``history`` and its neighbours fold topics into it, ``following`` reads them from Kafka;
each view (``now``, ``transitions``, ``customer``, ``at_risk``, ``models``, ``health``) turns figures into tables and charts;
``application`` answers, ``sessions`` decides who may what.
"""
