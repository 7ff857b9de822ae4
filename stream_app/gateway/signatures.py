"""Does a request really come from whom it says? The ways in which senders sign, and those who only name a secret.

The raw body is what is signed, never a parsed and rewritten one. Comparisons take the same time whatever differs.
"""

import binascii
import hashlib
import hmac
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal
from urllib.parse import parse_qsl

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key
from pydantic import BaseModel, ConfigDict, Field

from stream_app.errors import Misconfigured

_TOLERANCE_S: Final = 300
_DIGITS_OF_SECONDS: Final = 11
_MOST_DIGITS: Final = 16


class Signed(BaseModel):
    """What of a request takes part in its verification.

    Attributes:
        method: HTTP method.
        url: The public URL that the sender was told, query included.
        headers: Names in lower case.
        query: Parameters of the URL.
        body: As it was sent.
        now: Seconds since 1970.
    """

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    method: str
    url: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes
    now: float


class _Kind(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ByWriteKey(_Kind):
    """The sender signs nothing: the URL that it is told carries a write key, ``?key=…``."""

    kind: Literal["write-key"] = "write-key"


class BySecret(_Kind):
    """The sender repeats a secret that it was told.

    Attributes:
        place: ``query:NAME`` or ``header:NAME``, or ``body:NAME`` for a field at the top of a JSON body.
    """

    kind: Literal["secret"]
    place: Annotated[str, Field(pattern=r"^(query|header|body):.+$")]

    def holds(self, signed: Signed, secret: str) -> bool:
        """Whether the secret was told.

        Examples:
            >>> request = Signed(method="POST", url="", headers={}, query={"secret": "s"}, body=b"", now=0)
            >>> BySecret(kind="secret", place="query:secret").holds(request, "s")
            True
        """
        where, _, name = self.place.partition(":")
        if where == "body":
            told = _field(signed.body, name)
        else:
            told = signed.query.get(name) if where == "query" else signed.headers.get(name.lower())
        return told is not None and hmac.compare_digest(told.encode(), secret.encode())


class ByHmac(_Kind):
    """An HMAC over parts of the request, in a header.

    Attributes:
        header: Where the signature is.
        algorithm: ``sha256`` or ``sha1``.
        encoding: ``base64`` or ``hex``.
        prefix: What stands before it.
        parts: What is signed, in order: ``body``, ``url``, ``method``, ``form`` (the parameters of a form, sorted, names and
            values without anything between them), or ``header:NAME``.
        timestamp: Header with the instant of signing (s or ms since 1970), which must be recent.
    """

    kind: Literal["hmac"]
    header: str
    algorithm: Literal["sha256", "sha1"] = "sha256"
    encoding: Literal["base64", "hex"] = "base64"
    prefix: str = ""
    parts: tuple[str, ...] = ("body",)
    timestamp: str | None = None

    def holds(self, signed: Signed, secret: str) -> bool:
        """Whether the signature is right."""
        told = signed.headers.get(self.header.lower(), "")
        if not told.startswith(self.prefix) or not self._is_recent(signed):
            return False
        message = b"".join(_part(part, signed) for part in self.parts)
        digest = hmac.new(secret.encode(), message, self.algorithm)
        made = digest.hexdigest() if self.encoding == "hex" else b64encode(digest.digest()).decode()
        return hmac.compare_digest(told.removeprefix(self.prefix).encode(), made.encode())

    def _is_recent(self, signed: Signed) -> bool:
        if self.timestamp is None:
            return True
        text = signed.headers.get(self.timestamp.lower(), "")
        return _is_recent(text, signed.now, 1000 if len(text) > _DIGITS_OF_SECONDS else 1)


class ByStripe(_Kind):
    """Stripe's header: an instant, and HMAC-SHA256 of instant and body, several while secrets are rolled."""

    kind: Literal["stripe"]

    def holds(self, signed: Signed, secret: str) -> bool:
        """Whether one of the signatures is right, and recent."""
        pairs = [part.partition("=") for part in signed.headers.get("stripe-signature", "").split(",")]
        instants = [value for name, _, value in pairs if name.strip() == "t"]
        if not instants or not _is_recent(instants[0], signed.now):
            return False
        message = instants[0].encode() + b"." + signed.body
        made = hmac.new(secret.encode(), message, hashlib.sha256).hexdigest().encode()
        told = [value.strip().encode() for name, _, value in pairs if name.strip() == "v1"]
        return any([hmac.compare_digest(each, made) for each in told])  # noqa: C419 - looks at all of them, always


class ByEcdsa(_Kind):
    """ECDSA on P-256 with SHA-256 over an instant and the body; the secret is the sender's public key (base64, DER)."""

    kind: Literal["ecdsa"]
    header: str
    timestamp: str

    def holds(self, signed: Signed, secret: str) -> bool:
        """Whether the signature is right. SendGrid delivers again for days, so its instant may be old.

        Raises:
            Misconfigured: If the secret is no such key.
        """
        key = _public_key(secret)
        message = signed.headers.get(self.timestamp.lower(), "").encode() + signed.body
        try:
            told = b64decode(signed.headers.get(self.header.lower(), ""), validate=True)
            key.verify(told, message, ec.ECDSA(SHA256()))
        except (InvalidSignature, binascii.Error, ValueError):
            return False
        return True


Verify = Annotated[ByWriteKey | BySecret | ByHmac | ByStripe | ByEcdsa, Field(discriminator="kind")]


def _is_recent(text: str, now: float, in_a_second: int = 1) -> bool:
    """Whether an instant as sent is near; digits are counted first, because thousands of them are no number to Python."""
    if len(text) > _MOST_DIGITS or not text.isdecimal():
        return False
    return abs(now - int(text) / in_a_second) <= _TOLERANCE_S


def _public_key(secret: str) -> ec.EllipticCurvePublicKey:
    try:
        key = load_der_public_key(b64decode(secret))
    except (binascii.Error, ValueError):
        key = None
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise Misconfigured(
            "gateway.webhooks: a secret is no ECDSA public key; give the verification key as the sender shows it"
        )
    return key


def _part(part: str, signed: Signed) -> bytes:
    if part == "form":
        pairs = parse_qsl(signed.body.decode("utf-8", "replace"), keep_blank_values=True)
        return "".join(name + value for name, value in sorted(pairs)).encode()
    if part.startswith("header:"):
        return signed.headers.get(part[7:].lower(), "").encode()
    plain: dict[str, bytes] = {
        "body": signed.body, "url": signed.url.encode(), "method": signed.method.encode(),
    }  # fmt: skip
    return plain[part]


def _field(body: bytes, name: str) -> str | None:
    import orjson  # noqa: PLC0415 - only senders that repeat a secret in the body need it

    try:
        document: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    value = document.get(name) if isinstance(document, dict) else None
    return value if isinstance(value, str) else None
