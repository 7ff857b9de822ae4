"""What holds after file, environment and flags: the settings as text that may be shown to anybody."""

import json
from collections.abc import Iterator
from typing import Any

from stream_app.setting_types import without_password
from stream_app.settings import Settings


def resolved(settings: Settings) -> dict[str, Any]:
    """Return every setting as it would be written in a file; secrets are redacted.

    Examples:
        >>> resolved(Settings(redis="redis://app:hunter2@cache:6379/0"))["redis"]
        'redis://***@cache:6379/0'
    """
    tree = settings.model_dump(mode="json")
    tree["redis"] = without_password(settings.redis)
    return tree


def as_toml(tree: dict[str, Any]) -> str:
    """Write *tree* as TOML; what is not set becomes a comment.

    Examples:
        >>> print(as_toml({"kafka": "a:1", "log": {"level": "info", "file": None, "keys": {"web": {"n": 1}}}}))
        kafka = "a:1"
        <BLANKLINE>
        [log]
        level = "info"
        # file is not set
        <BLANKLINE>
        [log.keys.web]
        n = 1
    """
    return "\n\n".join(_tables((), tree))


def _tables(path: tuple[str, ...], table: dict[str, Any]) -> Iterator[str]:
    """Yield the table with its own lines, then those inside it; an empty one is written in its line."""
    inner = {key: value for key, value in table.items() if isinstance(value, dict) and value}
    lines = [_line(key, value) for key, value in table.items() if key not in inner]
    if lines:
        yield "\n".join([*([f"[{'.'.join(path)}]"] if path else []), *lines])
    for key, value in inner.items():
        yield from _tables((*path, key), value)


def _line(key: str, value: Any) -> str:
    return f"# {key} is not set" if value is None else f"{key} = {json.dumps(value, ensure_ascii=False)}"
