"""Who is looking, and what may they do? Tokens, a proxy's header, signed cookies, and proof that a form is ours."""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from starlette.requests import Request

from stream_app.settings import Console

__all__ = ["COOKIE", "Access", "Person"]

COOKIE: Final = "lifecycle_console"
Role = Literal["reader", "operator"]


@dataclass(frozen=True)
class Person:
    """Somebody who may look.

    Args:
        name: As configured, or as the proxy says.
        role: ``reader`` looks; ``operator`` sends dead letters again.
        csrf: What a form of this session must carry.
    """

    name: str
    role: Role
    csrf: str

    @property
    def may_operate(self) -> bool:
        """Whether actions are allowed."""
        return self.role == "operator"


class Access:
    """Decides who a request comes from.

    Args:
        console: The setting section.
        key: Signs sessions' proofs; the same as the cookies'.
    """

    def __init__(self, console: Console, key: str) -> None:
        self._console = console
        self._key = key.encode()
        self._tokens: dict[str, tuple[str, Role]] = {
            name: (token.token.get_secret_value(), token.role) for name, token in console.tokens.items()
        }
        self.once: str | None = None
        """A token made for this run, when none is configured; the printed address carries it."""
        if not self._tokens and not console.user_header:
            self.once = secrets.token_urlsafe(24)
            self._tokens["operator"] = (self.once, "operator")

    def person(self, request: Request) -> Person | None:
        """Who is meant; None for a stranger.

        A proxy's header counts only when it is configured and comes from a trusted address; then it alone counts.
        """
        proxied = self._proxied(request)
        if proxied is not None:
            return Person(
                proxied, "operator" if proxied in self._console.operators else "reader", self._proof(proxied)
            )
        session = request.session
        name = session.get("name")
        if not isinstance(name, str) or name not in self._tokens:
            return None
        token, role = self._tokens[name]
        if not hmac.compare_digest(str(session.get("of", "")), _digest(token)):
            return None  # the token was changed since
        return Person(name, role, self._proof(f"{name}\0{session.get('nonce', '')}"))

    def log_in(self, session: dict[str, object], offered: str) -> bool:
        """Begin a session for who knows a token; takes the same time whichever token is meant."""
        found = None
        for name, (token, _) in self._tokens.items():
            if hmac.compare_digest(token.encode(), offered.encode()):
                found = name, token
        if found is None:
            return False
        session.clear()
        session.update(name=found[0], of=_digest(found[1]), nonce=secrets.token_urlsafe(12))
        return True

    def is_ours(self, person: Person, form: Mapping[str, object]) -> bool:
        """Whether a form was made for this session."""
        return hmac.compare_digest(str(form.get("csrf", "")).encode(), person.csrf.encode())

    def _proxied(self, request: Request) -> str | None:
        header = self._console.user_header
        if not header or request.client is None or request.client.host not in self._console.trusted_proxies:
            return None
        return request.headers.get(header) or None

    def _proof(self, text: str) -> str:
        return hmac.new(self._key, f"form\0{text}".encode(), hashlib.sha256).hexdigest()


def _digest(token: str) -> str:
    return hashlib.sha256(f"session\0{token}".encode()).hexdigest()[:32]
