"""How does every Kafka client of the service reach the brokers?"""

import logging
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from stream_app.errors import Misconfigured
from stream_app.settings import Settings

__all__ = ["client_options", "hushed"]


@contextmanager
def hushed() -> Iterator[None]:
    """Keep aiokafka from logging for a while: whoever tells a failure in one line wants no second one beside it."""
    logger = logging.getLogger("aiokafka")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def client_options(settings: Settings) -> dict[str, Any]:
    """Return the connection options that aiokafka's consumer, producer and admin client share.

    Args:
        settings: Addresses and credentials.

    Returns:
        Keyword arguments, `bootstrap_servers` among them.

    Raises:
        Misconfigured: If the file with certificate authorities cannot be read.

    Examples:
        >>> client_options(Settings(kafka="k1:9092,k2:9092"))
        {'bootstrap_servers': ['k1:9092', 'k2:9092'], 'security_protocol': 'PLAINTEXT'}
    """
    security = settings.kafka_security
    options: dict[str, Any] = {
        "bootstrap_servers": list(settings.brokers),
        "security_protocol": security.protocol,
    }
    if security.protocol.endswith("SSL"):
        try:
            options["ssl_context"] = ssl.create_default_context(cafile=security.ca_file)
        except OSError as error:
            raise Misconfigured(
                f"kafka_security.ca_file {security.ca_file} cannot be read ({error}): name a PEM file"
            ) from error
    if security.protocol.startswith("SASL") and security.password is not None:
        options["sasl_mechanism"] = security.mechanism
        options["sasl_plain_username"] = security.username
        options["sasl_plain_password"] = security.password.get_secret_value()
    return options
