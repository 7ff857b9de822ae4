"""Where there is a screen, the console opens on it."""

import os
import sys
import webbrowser

__all__ = ["show"]


def show(address: str | None) -> None:
    """Open an address in the browser of this desktop; on a machine without one, and for programs, nothing happens.

    Args:
        address: What to open, if anything.
    """
    has_screen = sys.platform in ("darwin", "win32") or any(
        map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY"))
    )
    if address and has_screen and sys.stdout.isatty():
        webbrowser.open(address)
