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
        >>> written(12.0, "number"), written(1234.5, "amount"), written("2011-08-09T12:05:00.000001Z", "time")
        ('12', '1,234.50', '2011-08-09 12:05')
        >>> written(0.997, "share"), written(0.001, "share"), written(1.0, "share"), written(0, "sign")
        ('>99%', '<1%', '100%', '0')
    """
    if value is None:
        return "—"
    if isinstance(value, str):
        return value[:16].replace("T", " ") if kind == "time" else value
    if kind == "share":
        return _share(value)
    forms = {"count": ",", "sign": "+," if value else "", "amount": ",.2f"}
    if kind in forms:
        return format(value, forms[kind])
    if kind == "number":
        return format(value, ",.0f") if float(value).is_integer() else format(value, ".3f")
    return str(value)


def _share(value: float) -> str:
    if 0 < value < 0.005:
        return "<1%"
    return ">99%" if 0.995 <= value < 1 else format(value, ".0%")


def cell(value: Any) -> dict[str, Any]:
    """A cell in one form: its value, and where it leads."""
    return (
        {"value": value.text, "href": value.href} if isinstance(value, Link) else {"value": value, "href": ""}
    )


def as_json(value: Any) -> str:
    """An object as JSON, to be escaped into an attribute by the template."""
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()
