"""The compose file asks for variables that every command in the same shell understands."""

import re
from pathlib import Path

from stream_app.settings import load_settings

DEPLOY = Path(__file__).parents[2] / "deploy"
_SECRET = "0123456789abcdef"  # noqa: S105 - as long as the shortest that is accepted


def test_what_is_exported_for_compose_is_a_setting_of_the_commands_after_it() -> None:
    asked = set(re.findall(r"\$\{(LIFECYCLE_\w+)", (DEPLOY / "compose.yaml").read_text(encoding="utf-8")))
    exported = set(
        re.findall(r"(LIFECYCLE_\w+)=\$\(openssl", (DEPLOY / "README.md").read_text(encoding="utf-8"))
    )

    assert exported == asked - {"LIFECYCLE_DESTINATIONS"}
    load_settings(environment=dict.fromkeys(exported, _SECRET))
