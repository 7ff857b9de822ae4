"""To whom do the embedded services tell what they are doing?"""

from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn


class Listener(Protocol):
    """Is told of each step, and of downloads as they go on."""

    def say(self, sentence: str) -> None:
        """Hear of a step.

        Args:
            sentence: What is about to happen or has happened.
        """

    def downloaded(self, done: int, total: int) -> None:
        """Hear how far a download is.

        Args:
            done: Bytes that have arrived.
            total: Bytes in all.
        """


class Silence:
    """Listens to nothing: for tests, and for callers with a display of their own."""

    def say(self, sentence: str) -> None:
        """Drop the sentence."""

    def downloaded(self, done: int, total: int) -> None:
        """Drop the figures."""


class StandardError:
    """Shows steps on standard error: with a moving bar on a terminal, as plain lines elsewhere.

    Use it as a context manager, so that the bar is taken down before anything else is printed.
    """

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._quarters_told = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._take_down_bar()

    def say(self, sentence: str) -> None:
        """Print the sentence on a line of its own."""
        self._console.print(sentence, markup=False, soft_wrap=True)

    def downloaded(self, done: int, total: int) -> None:
        """Move the bar, or say each quarter."""
        if self._console.is_terminal:
            self._move_bar(done, total)
            return
        quarters = 4 * done // max(total, 1)
        if quarters > self._quarters_told:
            self._quarters_told = quarters
            self.say(f"downloaded {done / 1e6:.0f} of {total / 1e6:.0f} MB")

    def _move_bar(self, done: int, total: int) -> None:
        if self._bar is None:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                DownloadColumn(),
                TransferSpeedColumn(),
                console=self._console,
                transient=True,
            )
            self._task = self._bar.add_task("downloading", total=total)
            self._bar.start()
        if self._task is not None:
            self._bar.update(self._task, completed=done)
        if done >= total:
            self._take_down_bar()

    def _take_down_bar(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
