"""Signatures of webhooks as the Standard Webhooks specification has them.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import binascii
import hashlib
import hmac

__all__ = ["key_of", "signed"]


def key_of(secret: str) -> bytes:
    """The key in a secret: ``whsec_`` and base64, of at least 24 bytes as the specification wants.

    Raises:
        ValueError: The secret is no such text; the message does not hold it.

    Examples:
        >>> key_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")[:4].hex()
        '31f290f6'
    """
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        raise ValueError("is no base64; write whsec_ and the base64 of 24 to 64 random bytes") from None
    if len(key) < 24:
        raise ValueError(f"holds {len(key)} bytes; 24 to 64 random ones are needed")
    return key


def signed(keys: tuple[bytes, ...], message: str, at: int, body: bytes) -> dict[str, str]:
    """Headers that let the receiver check who sent the body, and when.

    Args:
        keys: The key, and while it is being replaced the old one too.
        message: Id of the message: the same for every attempt.
        at: Seconds since 1970 of this attempt.
        body: What is sent.
    """
    content = b".".join((message.encode(), str(at).encode(), body))
    marks = (base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode() for key in keys)
    return {
        "webhook-id": message,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(f"v1,{mark}" for mark in marks),
    }
