"""A table as a view gives it: shown as HTML, exported as CSV."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

__all__ = ["Column", "Link", "Table", "as_csv"]

Kind = Literal["text", "words", "id", "time", "count", "number", "share", "amount", "sign"]
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


class Link(NamedTuple):
    """A cell that leads somewhere."""

    text: Any
    href: str


class Column(NamedTuple):
    """A column: what it is called, and how its values are written."""

    name: str
    kind: Kind = "text"


@dataclass(frozen=True)
class Table:
    """Rows under a title.

    Args:
        title: What it shows; its caption.
        columns: In order.
        rows: Cells: text, numbers, links, or None for what is not known.
        empty: What is said when there are no rows.
        note: What a reader must know to read it right.
    """

    title: str
    columns: tuple[Column, ...]
    rows: Sequence[Sequence[Any]]
    empty: str = "Nothing yet."
    note: str = ""
    headings: bool = field(default=True)


def as_csv(table: Table) -> str:
    r"""Write a table as CSV (RFC 4180). A text that a spreadsheet would take for a formula gets an apostrophe before it.

    Examples:
        >>> as_csv(Table("t", (Column("id"), Column("n", "count")), [["=1+1", 2], [Link("a", "/a"), None]]))
        "id,n\r\n'=1+1,2\r\na,\r\n"
    """
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([column.name for column in table.columns])
    writer.writerows([_plain(cell) for cell in row] for row in table.rows)
    return out.getvalue()


def _plain(cell: Any) -> Any:
    value = cell.text if isinstance(cell, Link) else cell
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value
