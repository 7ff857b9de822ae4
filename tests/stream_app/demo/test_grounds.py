"""Where a demo runs: on what it was asked for, however little, and on nothing that an earlier one left."""

from pathlib import Path

from stream_app.demo import grounds
from stream_app.embedded.progress import Silence
from stream_app.event_names import load_measures
from stream_app.settings import Settings
from stream_app.source_options import BUNDLED, asked_source, wall_clock


def test_nothing_of_an_earlier_demo_is_left_and_what_others_put_there_is(tmp_path: Path) -> None:
    """Its letters and deliveries have the numbers of this one's: they would pass for sent already."""
    for name in (
        "mine.txt",
        "repaired-letters.sqlite",
        "deliveries/lifecycle/crm.db",
        "tables/x/LOCK",
        "model.key",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    grounds._clear(tmp_path, Silence())

    assert [left.name for left in tmp_path.iterdir()] == ["mine.txt"]


def test_even_the_smallest_demo_has_somebody_in_it() -> None:
    source = asked_source(
        Settings(), load_measures(Settings()), BUNDLED, "online-retail",
        received_at=wall_clock(), limit=2, simulate=True, sample=True,
    )  # fmt: skip

    assert len(list(source.records)) == 2
