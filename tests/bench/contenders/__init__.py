"""The programs that are compared, each run as a process of its own: ``python -m tests.bench.contenders.NAME SPEC``."""
