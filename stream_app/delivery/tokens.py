"""Access tokens of the systems that want them: fetched when needed, kept until shortly before they expire."""

import asyncio
from time import monotonic
from typing import Any

import aiohttp

from stream_app.delivery.destination import OAuth

__all__ = ["Tokens"]

_EARLY_SECONDS = 60.0
_USUAL_SECONDS = 1800.0


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

    def forget(self) -> None:
        """The token was refused: fetch another next time."""
        self._token = ""

    async def header(self, session: aiohttp.ClientSession) -> str:
        """The value of ``Authorization``.

        Raises:
            aiohttp.ClientError: There is no token to be had now.
        """
        async with self._fetching:
            if not self._token or monotonic() > self._until:
                await self._fetch(session)
        return f"{self._oauth.scheme} {self._token}"

    async def _fetch(self, session: aiohttp.ClientSession) -> None:
        form = {name: value.get_secret_value() for name, value in self._oauth.form.items()}
        async with session.post(self._oauth.token_url, data=form, allow_redirects=False) as answer:
            if answer.status != 200:
                raise aiohttp.ClientError(f"the token was refused with {answer.status}")
            told: Any = await answer.json(content_type=None)
        if not isinstance(told, dict) or not isinstance(told.get("access_token"), str):
            raise aiohttp.ClientError("the answer holds no access_token")
        self._token = told["access_token"]
        self._until = monotonic() + float(told.get("expires_in") or _USUAL_SECONDS) - _EARLY_SECONDS
