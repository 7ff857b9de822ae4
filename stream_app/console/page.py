"""What a view gives: a title, figures, tables and charts. How they look is up to the templates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stream_app.console.tables import Table

__all__ = ["Chart", "Figure", "NotThere", "Page"]


@dataclass(frozen=True)
class Figure:
    """A number that one sees at first sight.

    Args:
        name: What it is.
        value: As it is written.
        note: What it means, or what to do.
        tone: How it is: good, bad, or nothing to say.
        href: Where one learns more.
    """

    name: str
    value: str
    note: str = ""
    tone: str = ""
    href: str = ""


@dataclass(frozen=True)
class Chart:
    """A chart of Apache ECharts.

    Args:
        title: What it shows.
        option: Its option object, plain JSON.
        tall: Whether it needs more height.
    """

    title: str
    option: Mapping[str, Any]
    tall: bool = False


@dataclass(frozen=True)
class Page:
    """One view at one moment.

    Args:
        title: Its heading.
        lead: One sentence that says what is seen.
        figures: Large numbers.
        charts: By name.
        tables: By name; the name is that of the export.
        values: What its template needs besides.
        template: File name of the template, if the usual one does not do.
        has_period: Whether the reader may choose a period.
    """

    title: str
    lead: str = ""
    figures: Sequence[Figure] = ()
    charts: Mapping[str, Chart] = field(default_factory=dict)
    tables: Mapping[str, Table] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    template: str = "view.html"
    has_period: bool = False


class NotThere(Exception):  # noqa: N818 - it is not there
    """What was asked for does not exist."""
