"""Which store a partition has, as the settings say, and for how long."""

from collections.abc import Iterable
from pathlib import Path

from stream_app.settings import Settings
from stream_app.topics import changelog_name
from stream_app.worker.rocks_store import RocksStore, table_options
from stream_app.worker.stores import MemoryStore, TableStore

__all__ = ["MemoryTables", "RocksTables", "Tables", "tables_for"]


class MemoryTables:
    """Stores in memory; one is kept for as long as its partition comes back at every assignment."""

    def __init__(self) -> None:
        self._stores: dict[int, TableStore] = {}

    def take(self, partitions: Iterable[int]) -> dict[int, TableStore]:
        """Stores for the partitions of an assignment; those of other partitions are forgotten."""
        self._stores = {partition: self._stores.get(partition) or MemoryStore() for partition in partitions}
        return dict(self._stores)

    def release(self) -> None:
        """Partitions are about to be taken away; which ones is not known yet."""


class RocksTables:
    """Stores on disk, open only while their partitions are owned.

    Args:
        directory: Holds one database a partition.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._options = table_options()
        self._stores: dict[int, RocksStore] = {}

    def take(self, partitions: Iterable[int]) -> dict[int, TableStore]:
        """Open the stores of the partitions of an assignment.

        Raises:
            Unavailable: If another process has one open, or the disk refuses.
        """
        self.release()
        for partition in partitions:
            self._stores[partition] = RocksStore(self._directory / str(partition), self._options)
        return dict(self._stores)

    def release(self) -> None:
        """Close all, so that another worker of this machine could open them."""
        stores, self._stores = self._stores, {}
        for store in stores.values():
            store.close()


Tables = MemoryTables | RocksTables


def tables_for(settings: Settings) -> Tables:
    """The kind of stores that `worker.table_store` names."""
    if settings.worker.table_store == "rocksdb":
        return RocksTables(settings.data_dir / "tables" / changelog_name(settings))
    return MemoryTables()
