"""What a number of customers needs follows from what was measured."""

from tests.bench import capacity
from tests.bench.table import README

DOCUMENT = capacity.DOCUMENT.read_text("utf-8")
MEASURED = capacity.Measured(
    rate=8000.0, cpu_us=100.0, broker_us=20.0, resident_mib=1000.0, bytes_per_customer=1000.0, redis_bytes=600.0,
    profiles=0.5, changes=0.05, recovered=100_000.0, restart_s=0.5, restart_tenth_s=0.5, caught_up_memory_s=30.0,
    caught_up_disk_s=20.0, sink=16_000.0,
)  # fmt: skip


def test_the_tables_of_the_document_are_those_of_the_results() -> None:
    if "growth" in capacity.figures(README.read_text("utf-8")):
        assert capacity.derived() == DOCUMENT, "run `python -m tests.bench.capacity`"
    else:
        assert capacity.NOT_RUN in DOCUMENT


def test_both_tables_have_their_place_in_the_document() -> None:
    filled = capacity.filled(DOCUMENT, {"basis": "| one |\n", "plan": "| two |\n"})

    assert filled.count("| one |") == filled.count("| two |") == 1
    assert "1 billion |" not in filled


def test_a_hundred_million_customers_need_what_arithmetic_says() -> None:
    rows = capacity.plan(MEASURED).splitlines()
    cells = {
        row.split(" | ")[0].strip("| ") + " at " + row.split(" | ")[1]: row.split(" | ") for row in rows[2:]
    }

    assert MEASURED.planned == 6000
    assert MEASURED.base_gb == 0.8
    _, _, workers, partitions, memory, start, brokers, written, redis, changes, shards = cells[
        "100 million at 100,000"
    ]
    assert (workers, partitions) == ("17", "128")
    assert (memory, start) == ("6.7 GB", "59 s")  # 100 GB and 1,000 s, shared by 17; 0.8 GB besides
    # 100,000 x (0.35 + 0.5 x 1.06 + 0.05 x 0.6) KB, on three disks
    assert (brokers, written) == ("3", "91 MB/s")
    assert (redis, changes, shards.strip("| ")) == ("60 GB", "5,000", "4")


def test_workers_whose_table_would_not_fit_are_told_to_be_more() -> None:
    row = next(
        row for row in capacity.plan(MEASURED).splitlines() if row.startswith("| 100 million | 10,000 |")
    )

    assert "51 GB: take `rocksdb`, or 8 workers of 13 GB" in row
    assert "8 min; 2 min with 8" in row
    assert "| 32 |" in row
