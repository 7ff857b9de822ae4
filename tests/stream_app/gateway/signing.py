"""How the senders of webhooks sign, made with their own libraries or from their documentation, not with ours."""

import base64
import hashlib
import hmac
import time
from typing import Final
from urllib.parse import parse_qsl

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

_KEY: Final = ec.generate_private_key(ec.SECP256R1())
VERIFICATION_KEY: Final = base64.b64encode(
    _KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
).decode()
SECRET: Final = "s3cret-of-the-sender"  # noqa: S105 - of this test
MANDRILL_URL: Final = "https://events.example/v1/webhooks/mandrill"
HUBSPOT_URL: Final = "https://events.example/v1/webhooks/hubspot"
SECRETS: Final = {
    "LIFECYCLE_GATEWAY__WEBHOOKS__SENDGRID__SECRET": VERIFICATION_KEY,
    "LIFECYCLE_GATEWAY__WEBHOOKS__MANDRILL__SECRET": SECRET,
    "LIFECYCLE_GATEWAY__WEBHOOKS__MANDRILL__URL": MANDRILL_URL,
    "LIFECYCLE_GATEWAY__WEBHOOKS__MAILCHIMP__SECRET": SECRET,
    "LIFECYCLE_GATEWAY__WEBHOOKS__SHOPIFY__SECRET": SECRET,
    "LIFECYCLE_GATEWAY__WEBHOOKS__STRIPE__SECRET": SECRET,
    "LIFECYCLE_GATEWAY__WEBHOOKS__HUBSPOT__SECRET": SECRET,
    "LIFECYCLE_GATEWAY__WEBHOOKS__HUBSPOT__URL": HUBSPOT_URL,
    "LIFECYCLE_GATEWAY__WEBHOOKS__META_LEADS__SECRET": SECRET,
    "LIFECYCLE_GATEWAY__WEBHOOKS__GOOGLE_ADS_LEADS__SECRET": "chosen by you",
}


def sendgrid(body: bytes) -> dict[str, str]:
    stamp = str(int(time.time()))  # noqa: TID251 - a signature is as old as it is
    signature = _KEY.sign(stamp.encode() + body, ec.ECDSA(SHA256()))
    return {
        "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signature).decode(),
        "X-Twilio-Email-Event-Webhook-Timestamp": stamp,
    }


def stripe(body: bytes, age_s: int = 0) -> dict[str, str]:
    stamp = int(time.time()) - age_s  # noqa: TID251 - same
    digest = hmac.new(SECRET.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return {"Stripe-Signature": f"t={stamp},v1={'0' * 64},v1={digest},v0=ignored"}


def shopify(body: bytes) -> dict[str, str]:
    digest = hmac.new(SECRET.encode(), body, hashlib.sha256).digest()
    return {"X-Shopify-Hmac-Sha256": base64.b64encode(digest).decode(), "X-Shopify-Topic": "orders/paid"}


def mandrill(body: bytes) -> dict[str, str]:
    text = MANDRILL_URL + "".join(name + value for name, value in sorted(parse_qsl(body.decode())))
    digest = hmac.new(SECRET.encode(), text.encode(), hashlib.sha1).digest()
    return {"X-Mandrill-Signature": base64.b64encode(digest).decode()}


def hubspot(body: bytes) -> dict[str, str]:
    stamp = str(time.time_ns() // 1_000_000)
    text = b"POST" + HUBSPOT_URL.encode() + body + stamp.encode()
    digest = hmac.new(SECRET.encode(), text, hashlib.sha256).digest()
    return {
        "X-HubSpot-Signature-v3": base64.b64encode(digest).decode(),
        "X-HubSpot-Request-Timestamp": stamp,
    }


def meta(body: bytes) -> dict[str, str]:
    return {"X-Hub-Signature-256": "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()}
