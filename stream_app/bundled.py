"""Where are the data files that come with the program?

A checkout and an installed wheel carry the same ``config/``; the wheel keeps it inside this package.
"""

from pathlib import Path
from typing import Final

_PACKAGE: Final = Path(__file__).resolve().parent


def bundled(*parts: str) -> Path:
    """Return the path of a file or folder below ``config/``.

    Args:
        *parts: Path below ``config/``, for example ``"lifecycles", "six-stage.toml"``.

    Examples:
        >>> bundled("lifecycle.toml").is_file()
        True
    """
    inside = _PACKAGE / "config"
    root = inside if inside.is_dir() else _PACKAGE.parent / "config"
    return root.joinpath(*parts)
