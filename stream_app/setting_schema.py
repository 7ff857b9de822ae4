"""The JSON schema of a configuration file, so that editors complete it and tools can check it."""

from typing import Any

from stream_app.settings import Settings


def schema() -> dict[str, Any]:
    """Return the schema; ``config/lifecycle.schema.json`` holds it, and a test keeps the two in step.

    Examples:
        >>> schema()["$defs"]["Labels"]["properties"]["ask_every"]["default"]
        '30d'
    """
    tree = Settings.model_json_schema()
    defaults = Settings().model_dump(mode="json")
    for name, field in Settings.model_fields.items():
        section = getattr(field.annotation, "__name__", "")
        if section in tree["$defs"]:
            tree["properties"][name] = {"$ref": f"#/$defs/{section}"}
            _say_defaults(tree["$defs"][section], defaults[name])
    _say_defaults(tree, {name: value for name, value in defaults.items() if not isinstance(value, dict)})
    del tree["properties"]["data_dir"]["default"]  # depends on who runs it
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | tree


def _say_defaults(table: dict[str, Any], defaults: dict[str, Any]) -> None:
    """Write defaults as a file would: pydantic gives the values inside, microseconds for example."""
    for key, value in defaults.items():
        table["properties"][key]["default"] = value
