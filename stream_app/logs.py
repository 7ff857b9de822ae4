"""How does a process speak: for people on a terminal, as JSON lines for machines, never a secret.

All logging goes to standard error, so that standard output holds results only. The libraries' own records
(Faust, aiokafka, redis) pass through the same processors.
"""

import hashlib
import logging
import os
import sys
from collections.abc import Mapping
from typing import Any, Final, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from stream_app.log_repetition import Repetition
from stream_app.setting_types import without_password
from stream_app.settings import Log

_CUSTOMER_KEYS: Final = ("customer", "customer_id")
_SECRET_WORDS: Final = ("password", "secret", "token", "write_key", "authorization")
_NOISY: Final = {"aiokafka": "warning", "asyncio": "warning", "urllib3": "warning"}
REDACTED: Final = "***"


def configure(log: Log, stream: TextIO | None = None) -> None:
    """Set up structlog and the standard library's logging for this process.

    Args:
        log: Format, level, and whether customer ids are hashed.
        stream: Where records go; by default standard error.
    """
    target = stream or sys.stderr
    as_json = log.format == "json" or (log.format == "auto" and not target.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        without_secrets,
    ]
    if log.hash_ids:
        shared.append(with_hashed_ids)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(target)
    handler.addFilter(Repetition())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_renderers(as_json=as_json, colors=target.isatty() and not os.environ.get("NO_COLOR")),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(log.level.upper())
    for name, level in _NOISY.items():
        logging.getLogger(name).setLevel(level.upper())


def hashed(customer: str) -> str:
    """Return a stand-in for a customer id that is the same in every process and cannot be read back by eye.

    Examples:
        >>> hashed("12345") == hashed("12345") != hashed("12346")
        True
    """
    return "#" + hashlib.blake2s(customer.encode(), digest_size=6).hexdigest()


def with_hashed_ids(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace customer ids by their stand-ins; a structlog processor."""
    for key in _CUSTOMER_KEYS:
        if isinstance(event.get(key), str):
            event[key] = hashed(event[key])
    return event


def without_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Redact values whose key names a secret, and passwords inside URLs; a structlog processor.

    Examples:
        >>> without_secrets(None, "info", {"url": "redis://u:p@h", "sasl_password": "p"})
        {'url': 'redis://***@h', 'sasl_password': '***'}
    """
    for key, value in event.items():
        event[key] = _redacted(key, value)
    return event


def _redacted(key: str, value: Any) -> Any:
    if any(word in key.lower() for word in _SECRET_WORDS):
        return REDACTED
    if isinstance(value, Mapping):
        return {inner: _redacted(str(inner), item) for inner, item in value.items()}
    return without_password(value) if isinstance(value, str) and "://" in value else value


def _renderers(*, as_json: bool, colors: bool) -> list[Processor]:
    if as_json:
        # Without the local variables of the frames: they hold whole events.
        tracebacks = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        return [structlog.processors.ExceptionRenderer(tracebacks), structlog.processors.JSONRenderer()]
    plain = structlog.dev.plain_traceback
    return [structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=plain)]
