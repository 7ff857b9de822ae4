"""Shows the progress of long work on standard error: a moving bar on a terminal, plain lines elsewhere."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

_FIRST_LINE_AFTER, _SECONDS_A_LINE = 1.0, 5.0


class ProgressDisplay:
    """Use it as a context manager, so that the bar is taken down before anything else is printed.

    Args:
        title: What is being done.
        console: Where to show it; by default standard error.
    """

    def __init__(self, title: str, console: Console | None = None) -> None:
        self._title = title
        self._console = console or Console(stderr=True, highlight=False)
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._next_line = time.monotonic() + _FIRST_LINE_AFTER

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.fields[told]}"),
                TimeRemainingColumn(),
                console=self._console,
            )
            self._task = self._bar.add_task(self._title, total=None, told="")
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show(self, done: int, total: int | None, told: str) -> None:
        """Show how far it is.

        Args:
            done: Finished units.
            total: All units, None while that is unknown.
            told: Figures beside the bar.
        """
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done, total=total, told=told)
            return
        now = time.monotonic()
        if now < self._next_line:
            return
        self._next_line = now + _SECONDS_A_LINE
        share = f" ({done / total:.0%})" if total else ""
        self.say(f"{self._title}{share}: {told}")

    def say(self, sentence: str) -> None:
        """Print a sentence on a line of its own."""
        self._console.print(sentence, markup=False, soft_wrap=True)
