"""Which file is meant by "six-stage"? A lifecycle is named by its preset, or by its path."""

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

from scorers.definition import LifecycleError


def find(name: str, directories: Iterable[Path]) -> Path:
    """The file of a preset, or the path itself.

    A text that ends in ``.toml`` or has a directory in it is a path. Anything else is a preset:
    ``NAME.toml`` in the first of the directories that has it.

    Args:
        name: What the operator wrote.
        directories: Where presets lie, first one first. The caller knows; a wheel and a checkout differ.

    Returns:
        The file. That it can be read is for the loader to say.

    Raises:
        LifecycleError: If no such preset exists, with the ones that do.
    """
    if name.endswith(".toml") or "/" in name or "\\" in name:
        return Path(name)
    places = list(directories)
    for directory in places:
        candidate = directory / f"{name}.toml"
        if candidate.is_file():
            return candidate
    known = available(places)
    near = get_close_matches(name, known, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    raise LifecycleError(
        f"{name}: no such lifecycle preset{hint}; presets are {', '.join(known) or 'missing'}; "
        "a file of your own is given by its path, ending in .toml"
    )


def available(directories: Iterable[Path]) -> list[str]:
    """Names of all presets in the directories, sorted."""
    return sorted({file.stem for directory in directories for file in directory.glob("*.toml")})
