"""How values are written for people, and how an object travels in a page."""

from typing import Any

import orjson

from stream_app.console.tables import Link

__all__ = ["as_json", "cell", "written"]


def written(value: Any, kind: str) -> str:
    """A value as text.

    Examples:
        >>> written(12345, "count"), written(0.256, "share"), written(0.25612, "number"), written(3, "sign")
        ('12,345', '26%', '0.256', '+3')
        >>> written(12.0, "number"), written(1234.5, "amount")
        ('12', '1,234.50')
    """
    if value is None or value == "":
        return "—"
    if isinstance(value, str):
        return value
    forms = {"count": ",", "sign": "+,", "amount": ",.2f", "share": ".0%"}
    if kind in forms:
        return format(value, forms[kind])
    if kind == "number":
        return format(value, ",.0f") if float(value).is_integer() else format(value, ".3f")
    return str(value)


def cell(value: Any) -> dict[str, Any]:
    """A cell in one form: its value, and where it leads."""
    return (
        {"value": value.text, "href": value.href} if isinstance(value, Link) else {"value": value, "href": ""}
    )


def as_json(value: Any) -> str:
    """An object as JSON, to be escaped into an attribute by the template."""
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()
