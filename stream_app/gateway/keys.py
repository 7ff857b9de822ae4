"""Who sends or reads, and for which tenant? Keys come in many places of a request; none is ever logged."""

import binascii
from base64 import b64decode
from collections.abc import Iterable
from hashlib import blake2b
from typing import NamedTuple

from pydantic import SecretStr
from starlette.requests import Request

from stream_app.errors import Misconfigured
from stream_app.gateway.allowance import Allowance
from stream_app.gateway.answers import Refused
from stream_app.gateway.headers import header
from stream_app.settings import Settings

_IN_QUERY = ("writeKey", "write_key", "api_key", "key", "token")


class Sender(NamedTuple):
    """Who sends, by configuration.

    Attributes:
        name: Of the key or webhook, for metrics, logs and dead letters.
        tenant: Prefix of the topics that get the events.
        allowance: What it may still send.
    """

    name: str
    tenant: str
    allowance: Allowance


class Keys:
    """The configured keys, by fingerprint: a look-up takes equally long for every wrong key.

    Args:
        settings: Where the keys stand.

    Raises:
        Misconfigured: If one key is given to two senders.
    """

    def __init__(self, settings: Settings) -> None:
        gateway = settings.gateway
        self._settings = settings
        self._senders: dict[bytes, Sender] = {}
        self._readers: dict[bytes, str] = {}
        for name, given in gateway.keys.items():
            mark = _mark(given.key)
            if mark in self._senders:
                raise Misconfigured(
                    f"gateway.keys.{name}: has the same key as {self._senders[mark].name}; give each its own"
                )
            self._senders[mark] = self.sender_called(name, given.tenant, given.events_per_second)
        for reader in gateway.read_keys.values():
            self._readers[_mark(reader.key)] = reader.tenant or settings.prefix

    @property
    def tenants(self) -> set[str]:
        """Prefixes of all that may be sent to."""
        webhooks = {each.tenant or self._settings.prefix for each in self._settings.gateway.webhooks.values()}
        return {sender.tenant for sender in self._senders.values()} | webhooks

    def sender_called(self, name: str, tenant: str | None, rate: int | None = None) -> Sender:
        """A sender of this name with its own allowance."""
        settings = self._settings
        return Sender(name, tenant or settings.prefix, Allowance(rate or settings.gateway.events_per_second))

    def sender(self, candidates: Iterable[object]) -> Sender:
        """Whose key is the first that was sent.

        Args:
            candidates: What stood where keys may stand, in the order in which they count.

        Raises:
            Refused: 401.
        """
        key = next((each for each in candidates if isinstance(each, str) and each), None)
        if key is None:
            raise Refused(
                401, "missing_key", "Send the write key: as user of HTTP Basic, or as writeKey in the body."
            )
        found = self._senders.get(_mark(key))
        if found is None:
            raise Refused(401, "invalid_key", "This write key is not known here.")
        return found

    def reader(self, candidates: Iterable[str]) -> str:
        """The tenant whose profiles the first key that was sent may read.

        Raises:
            Refused: 401.
        """
        key = next(iter(candidates), None)
        found = None if key is None else self._readers.get(_mark(key))
        if found is None:
            raise Refused(401, "invalid_key", "Send a read key: as user of HTTP Basic, or as Bearer token.")
        return found


def keys_outside_body(request: Request) -> list[str]:
    """The keys that stand in the headers and the query of a request."""
    found = []
    scheme, _, content = header(request.scope, b"authorization").partition(" ")
    if scheme.lower() == "basic":
        user = _basic_user(content)
        found.append(user)
    elif scheme.lower() == "bearer":
        found.append(content.strip())
    if request.scope["query_string"]:
        found.extend(request.query_params[name] for name in _IN_QUERY if name in request.query_params)
    return [key for key in found if key]


def _basic_user(content: str) -> str:
    try:
        return b64decode(content.strip(), validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return ""


def _mark(key: str | SecretStr) -> bytes:
    text = key if isinstance(key, str) else key.get_secret_value()
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
