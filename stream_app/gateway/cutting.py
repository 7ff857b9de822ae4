r"""What can be read of a body that as a whole is no JSON: its events, cut out of the text, and what it says about itself.

This is a second pass, over bodies only that the parser has refused. One event is enough for that: with NaN, as Python
writes it, half an emoji (``"\ud83d"``), bytes that are no UTF-8, or thousands of levels. The parser cannot go on behind such
a place, but where an event ends is plain from quotes and brackets alone, so the others need not be lost with it. Each event
is then judged by itself. Whole columns are computed instead of a loop over bytes or a recursion: a hostile body costs
milliseconds, and a few times its size.
"""

import re
from typing import Final

import numpy as np
import numpy.typing as npt

from stream_app.gateway.reception import MOST_EVENTS, too_many_events

_QUOTE, _COMMA = ord('"'), ord(",")
_LOWER: Final = 0x20
"""What makes ``[`` and ``{``, and ``]`` and ``}``, the same."""
_NAME: Final = re.compile(rb'"([^"\\]*+)"\s*+:\s*+(.*)', re.DOTALL)
_MOST_FIELDS: Final = 1_000


class Torn(ValueError):  # noqa: N818 - the body is torn; nothing is in error here
    """A body in which not even the ends of events can be found."""


def cut_list(body: bytes) -> list[bytes]:
    """Cut an array into its elements.

    Raises:
        Torn: If it is none.
        Refused: 413 for more than a request may hold.

    Examples:
        >>> cut_list(b'[ {"a": "]"}, -Infinity, [[1]] ]')
        [b'{"a": "]"}', b'-Infinity', b'[[1]]']
    """
    body = body.strip()
    if body[:1] != b"[":
        raise Torn("there is no list of events")
    commas = _outermost_commas(body)
    if len(commas) >= MOST_EVENTS:
        raise too_many_events()
    return _parts(body, commas)


def cut_object(body: bytes) -> dict[str, bytes]:
    """Cut an object into its fields, of which the last counts where a name stands there twice.

    Raises:
        Torn: If it is none.

    Examples:
        >>> cut_object(b'{"writeKey": "k", "properties": {"revenue": NaN}}')
        {'writeKey': b'"k"', 'properties': b'{"revenue": NaN}'}
    """
    body = body.strip()
    if body[:1] != b"{":
        raise Torn("it is neither an object nor a list")
    commas = _outermost_commas(body)
    if len(commas) > _MOST_FIELDS:
        raise Torn("it has too many fields")
    named = filter(None, (_NAME.fullmatch(part) for part in _parts(body, commas)))
    return {each[1].decode("utf-8", "replace"): each[2] for each in named}


def _parts(body: bytes, commas: npt.NDArray[np.intp]) -> list[bytes]:
    ends = [*commas.tolist(), len(body) - 1]
    begins = [0, *ends]
    parts = (body[begin + 1 : end].strip() for begin, end in zip(begins, ends, strict=False))
    return [part for part in parts if part]


def _outermost_commas(body: bytes) -> npt.NDArray[np.intp]:
    """Where the commas are that part the values of the array or object that the body is.

    Raises:
        Torn: If it does not end where its first bracket does.
    """
    # An escaped quote ends no text. Backslashes pair from the left, so the pairs have to go first.
    text = np.frombuffer(body.replace(b"\\\\", b"  ").replace(b'\\"', b"  "), np.uint8)
    in_text = np.logical_xor.accumulate(text == _QUOTE)
    brackets = text | _LOWER
    steps = (brackets == ord("{")).astype(np.int8) - (brackets == ord("}")).astype(np.int8)
    steps[in_text] = 0
    depth = np.cumsum(steps, dtype=np.int32)
    if in_text[-1] or depth[-1] != 0 or (depth[:-1] <= 0).any():
        raise Torn("it does not end where it should")
    return np.flatnonzero((text == _COMMA) & (depth == 1) & ~in_text)
