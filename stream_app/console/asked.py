"""What a reader asked for: lifecycle, period, page; checked, for addresses come from outside."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final
from urllib.parse import urlencode

from stream_app.console.history import DAY_US
from stream_app.console.store import Store

__all__ = ["EVERYTHING", "Asked", "address"]

_EPOCH: Final = date(1970, 1, 1)
PAGE: Final = 50
EVERYTHING: Final = 100_000
"""Most rows of an export."""
_PERIODS: Final = (7, 30, 90, 365)


@dataclass(frozen=True)
class Asked:
    """One reader's question.

    Args:
        lifecycle: One that is configured.
        first: First day of the period, as days since 1970.
        last: Last day of it.
        page: From 1 on.
        rows: Most rows of a list.
        values: Everything else that was in the address.
    """

    lifecycle: str
    first: int
    last: int
    page: int
    rows: int
    values: Mapping[str, str]

    @classmethod
    def of(cls, query: Mapping[str, str], lifecycles: tuple[str, ...], store: Store) -> "Asked":
        """Read an address; what cannot be understood counts as not given."""
        bounds = store.rows("SELECT min(day), max(day) FROM flow")
        oldest, newest = (bounds[0][0] or 0, bounds[0][1] or 0)
        wanted = query.get("lifecycle", "")
        first, last = _day(query.get("from")), _day(query.get("to"))
        if first is None and query.get("days", "").isdecimal():
            first = newest - int(query["days"][:6]) + 1
        last = newest if last is None else last
        first = oldest if first is None else first
        page = int(query["page"][:6]) if query.get("page", "").isdecimal() else 1
        return cls(
            wanted if wanted in lifecycles else lifecycles[0],
            min(first, last),
            last,
            max(1, page),
            EVERYTHING if "csv" in query else PAGE,
            query,
        )

    @property
    def begin(self) -> int:
        """First instant (µs) of the period."""
        return self.first * DAY_US

    @property
    def end(self) -> int:
        """First instant (µs) after it."""
        return (self.last + 1) * DAY_US

    @property
    def skipped(self) -> int:
        """Rows on the pages before."""
        return 0 if self.rows == EVERYTHING else (self.page - 1) * self.rows

    @property
    def period(self) -> dict[str, str]:
        """The period as the form shows it."""
        return {"from": day_text(self.first), "to": day_text(self.last)}

    def presets(self, path: str) -> list[tuple[str, str, bool]]:
        """Periods that are offered: what they are called, where they lead, and whether it is this one."""
        chosen = self.values.get("days", "")
        explicit = bool(self.values.get("from") or self.values.get("to"))
        offered = [
            (f"{days} days", address(path, self.kept(days=str(days))), chosen == str(days))
            for days in _PERIODS
        ]
        return [*offered, ("all", address(path, self.kept()), not chosen and not explicit)]

    def kept(self, **more: str) -> dict[str, str]:
        """What stays in addresses that lead on from here."""
        told = {
            name: self.values[name]
            for name in ("stage", "sort", "before", "after", "reason")
            if name in self.values
        }
        return {"lifecycle": self.lifecycle, **told, **more}

    def here(self, **more: str) -> dict[str, str]:
        """The same with its period."""
        period = {name: self.values[name] for name in ("days", "from", "to") if self.values.get(name)}
        return {**self.kept(), **period, **more}


def address(path: str, query: Mapping[str, str]) -> str:
    """A path with its query, escaped.

    Examples:
        >>> address("/customer", {"id": "a&b"})
        '/customer?id=a%26b'
    """
    return f"{path}?{urlencode(query)}" if query else path


def day_text(day: int) -> str:
    """A day as ISO 8601 writes it.

    Examples:
        >>> day_text(0), day_text(14579)
        ('1970-01-01', '2009-12-01')
    """
    try:
        return (_EPOCH + timedelta(days=day)).isoformat()
    except OverflowError:
        return ""


def _day(text: str | None) -> int | None:
    try:
        return (date.fromisoformat(text or "") - _EPOCH).days
    except ValueError:
        return None
