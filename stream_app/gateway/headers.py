"""What does a header of a request say? Looked up in the bytes that came, because decoding all of them takes longer."""

from starlette.types import Scope


def header(scope: Scope, name: bytes) -> str:
    """The first value of a header; empty if there is none.

    Args:
        scope: Of the request.
        name: In lower case.

    Examples:
        >>> header({"headers": [(b"host", b"shop.example"), (b"origin", b"https://shop.example")]}, b"origin")
        'https://shop.example'
    """
    for each, value in scope["headers"]:
        if each == name:
            return str(value, "latin-1")
    return ""
