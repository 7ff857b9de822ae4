"""Access tokens of the systems that want them: fetched when needed, kept until shortly before they expire."""

import asyncio
from time import monotonic
from typing import Any

import aiohttp

from stream_app.delivery.destination import OAuth

__all__ = ["NoToken", "Tokens"]

_EARLY_SECONDS = 60.0
_USUAL_SECONDS = 1800.0


class NoToken(aiohttp.ClientError):
    """There is no token to be had now; the message says why and holds no secret."""


class Tokens:
    """The token of one destination.

    Args:
        oauth: Where it comes from.
    """

    def __init__(self, oauth: OAuth) -> None:
        self._oauth = oauth
        self._token = ""
        self._until = 0.0
        self._fetching = asyncio.Lock()

    def forget(self, header: str) -> None:
        """A value of ``Authorization`` was refused: fetch another token next time, unless that has been done since."""
        if header == self._header:
            self._token = ""

    async def header(self, session: aiohttp.ClientSession) -> str:
        """The value of ``Authorization``.

        Raises:
            NoToken: There is none to be had now.
            aiohttp.ClientError: Nobody answers where tokens come from.
        """
        async with self._fetching:
            if not self._token or monotonic() > self._until:
                await self._fetch(session)
        return self._header

    @property
    def _header(self) -> str:
        return f"{self._oauth.scheme} {self._token}"

    async def _fetch(self, session: aiohttp.ClientSession) -> None:
        form = {name: value.get_secret_value() for name, value in self._oauth.form.items()}
        async with session.post(self._oauth.token_url, data=form, allow_redirects=False) as answer:
            if answer.status != 200:
                raise NoToken(f"oauth.token_url answers {answer.status} and gives no token")
            try:
                told: Any = await answer.json(content_type=None)
            except ValueError:  # a page for people, such as that of a proxy
                told = None
        if not isinstance(told, dict) or not isinstance(told.get("access_token"), str):
            raise NoToken("the answer of oauth.token_url holds no access_token")
        self._token = told["access_token"]
        self._until = monotonic() + _lifetime(told.get("expires_in")) - _EARLY_SECONDS


def _lifetime(told: Any) -> float:
    try:
        return float(told) or _USUAL_SECONDS
    except (TypeError, ValueError):
        return _USUAL_SECONDS
