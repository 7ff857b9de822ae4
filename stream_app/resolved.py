"""What holds after file, environment and flags: the settings as text that may be shown to anybody."""

import json
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
        >>> print(as_toml({"kafka": "a:1", "log": {"level": "info", "file": None}}))
        kafka = "a:1"
        <BLANKLINE>
        [log]
        level = "info"
        # file is not set
    """
    plain = [_line(key, value) for key, value in tree.items() if not isinstance(value, dict)]
    sections = [
        "\n".join([f"[{name}]", *(_line(key, value) for key, value in table.items())])
        for name, table in tree.items()
        if isinstance(table, dict)
    ]
    return "\n\n".join(["\n".join(plain), *sections])


def _line(key: str, value: Any) -> str:
    return f"# {key} is not set" if value is None else f"{key} = {json.dumps(value, ensure_ascii=False)}"
