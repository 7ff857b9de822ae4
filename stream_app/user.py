"""Who runs this process?"""

import getpass
import os

__all__ = ["user"]


def user() -> str:
    """Name of the user, or the number where it has no name, as in a container that runs under any number."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # before Python 3.13, and from then on
        return str(os.getuid())
