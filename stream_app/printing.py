"""How do results stand on a terminal, and in a pipe? As they are, and whole."""

import re
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

__all__ = ["Printer", "facts", "rows"]

_ANY_WIDTH: Final = 100_000
_STEERING: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


class Printer(Console):
    """Prints what others wrote, such as ids, notes and answers: none of it is markup, an emoji's name or a command.

    A terminal has a width, and what does not fit goes on in the next line; elsewhere a row is a line, whatever its length.

    Args:
        stderr: Print to standard error.
    """

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, highlight=False, markup=False, emoji=False)
        if not self.is_terminal:
            self.width = _ANY_WIDTH

    def render_str(self, text: str, **options: Any) -> Text:
        """Make characters visible that would steer the terminal, line breaks too."""
        return super().render_str(_STEERING.sub(_spelled, text), **options)


def rows(*headers: str) -> Table:
    """A table in which nothing is cut: an id that is cut cannot be copied.

    Args:
        headers: What its columns are called.
    """
    table = Table(box=None, pad_edge=False)
    for header in headers:
        table.add_column(header, overflow="fold")
    return table


def facts() -> Table:
    """A table of names and what they are."""
    table = Table.grid(padding=(0, 2))
    for _ in ("name", "what it is"):
        table.add_column(overflow="fold")
    return table


def _spelled(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()
