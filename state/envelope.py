"""How is a CloudEvents envelope opened: structured and binary mode of the Kafka binding, version 1.0.

Only records that show an envelope come here; plain Segment records never pay for it.

References:
    CloudEvents, Kafka protocol binding 1.0.2: a ``content-type`` header that starts with
    ``application/cloudevents`` means structured mode, everything else binary mode with its attributes in
    ``ce_`` headers.
    CloudEvents 1.0.2, required attributes: ``source`` and ``id`` together are unique for each event.
"""

import binascii
from base64 import b64decode
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from state.rejection import Rejected

Headers = Iterable[tuple[str, bytes | str]] | Mapping[str, bytes | str] | None
"""Kafka record headers, as a list of pairs or a mapping."""


class Envelope(msgspec.Struct, gc=False):
    """The attributes that stand in for fields which the payload does not carry; empty text where absent.

    Attributes:
        message_id: Attributes ``source`` and ``id``: only together they are one event's.
        time: Attribute ``time``: text, or milliseconds.
        type: Attribute ``type``, such as ``com.example.product.viewed``.
        customer: Attribute ``partitionkey``, else ``userid``.
        data: The payload's JSON; an object without fields where the envelope holds none.
    """

    message_id: str
    time: Any
    type: str
    customer: str
    data: bytes | msgspec.Raw


class _Structured(msgspec.Struct, gc=False):
    specversion: str = ""
    id: str | int = ""
    source: str | None = None
    type: str = ""
    time: str | int | float = ""
    partitionkey: str | int = ""
    userid: str | int = ""
    datacontenttype: str = ""
    data: msgspec.Raw = msgspec.Raw(b"{}")
    data_base64: str = ""


_STRUCTURED: Final = msgspec.json.Decoder(_Structured)
_VERSIONS: Final = ("1.", "0.3")


def open_headers(value: bytes | None, headers: Headers) -> Envelope | None:
    """The envelope that *headers* announce around *value*, or None if they announce none.

    Raises:
        Rejected: ``bad_envelope`` if they announce one that cannot be opened.
    """
    pairs = headers.items() if isinstance(headers, Mapping) else headers or ()
    named = {name.lower(): _text(content) for name, content in pairs if content is not None}
    if named.get("content-type", "").lower().startswith("application/cloudevents"):
        if "batch" in named["content-type"].lower():
            raise Rejected(
                "bad_envelope", "The record holds a CloudEvents batch; send one event per Kafka record."
            )
        return None if value is None else open_structured(value)
    if "ce_specversion" not in named and "ce_id" not in named:
        return None
    _check_version(named.get("ce_specversion", "1.0"))
    _check_content(named.get("content-type", ""))
    return Envelope(
        _message_id(named.get("ce_source", ""), named.get("ce_id", "")),
        named.get("ce_time", ""),
        named.get("ce_type", ""),
        named.get("ce_partitionkey", "") or named.get("ce_userid", ""),
        value or b"{}",
    )


def open_structured(value: bytes) -> Envelope:
    """The envelope that *value* is, in structured mode.

    Raises:
        Rejected: ``invalid_json``, or ``bad_envelope`` if it is no CloudEvent of version 1.0 around a JSON
        object.
    """
    try:
        outer = _STRUCTURED.decode(value)
    except msgspec.ValidationError as error:
        raise Rejected(
            "bad_envelope", f"The CloudEvents envelope has a field of the wrong type: {error}."
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Rejected("invalid_json", f"The CloudEvents envelope is not JSON: {error}.") from None
    _check_version(outer.specversion)
    _check_content(outer.datacontenttype)
    data: bytes | msgspec.Raw = outer.data
    if outer.data_base64:
        try:
            data = b64decode(outer.data_base64, validate=True)
        except binascii.Error as error:
            raise Rejected(
                "bad_envelope", f"data_base64 of the CloudEvents envelope is not base64: {error}."
            ) from None
    if bytes(data).strip() == b"null":
        data = b"{}"
    message_id = _message_id(outer.source or "", str(outer.id))
    return Envelope(message_id, outer.time, outer.type, str(outer.partitionkey or outer.userid), data)


def _message_id(source: str, name: str) -> str:
    """What is the same when the event is sent again, in whichever mode; two sources may number their events alike."""
    return f"{source}\n{name}" if source and name else name  # no attribute may hold a line break


def _text(content: bytes | str) -> str:
    return content if isinstance(content, str) else content.decode("utf-8", "replace")


def _check_version(version: str) -> None:
    if not version.startswith(_VERSIONS):
        raise Rejected(
            "bad_envelope", f"CloudEvents specversion {version!r} is not supported; send version 1.0."
        )


def _check_content(content: str) -> None:
    if content and "json" not in content.lower():
        raise Rejected("bad_envelope", f"The CloudEvents payload is {content!r}; send application/json.")
