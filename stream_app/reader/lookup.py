"""One round trip for a customer id or an anonymous one: what is asked, and what the answer says.

On one server a script follows the alias. In a Cluster alias and target lie in different slots: there, and where the
user may not run scripts, the alias and the id's own hash are read together, and only a merged id costs a second trip
(its first time: then the alias is known).
"""

from collections.abc import Sequence
from typing import Any

from stream_app.reader.profile import StageProfile, unknown, with_fields
from stream_app.redis_keys import RedisKeys, alias_key

__all__ = ["SCRIPT", "Lookup"]

SCRIPT = """
local id = redis.call('GET', KEYS[1])
if id then return {id, redis.call('HGETALL', ARGV[1] .. id .. '}')} end
return {'', redis.call('HGETALL', KEYS[2])}
"""


class Lookup:
    """Keys and answers of one lifecycle.

    Args:
        prefix: Configured prefix.
        lifecycle: Name of a lifecycle that is not the first configured one; None for the first.
        default_stage: Stage of somebody whom Redis does not know.
    """

    def __init__(self, prefix: str, lifecycle: str | None, default_stage: str) -> None:
        self._prefix = prefix if prefix.endswith(":") else f"{prefix}:"
        self._keys = RedisKeys(f"{self._prefix}{lifecycle}:" if lifecycle else self._prefix)
        self._before, self._after = self._keys.customer("\0").split("\0")
        self._alias_before = alias_key(self._prefix, "\0").split("\0")[0]
        self.default_stage = default_stage

    @property
    def channel(self) -> str:
        """Channel of stage changes."""
        return self._keys.changes

    @property
    def prefixes(self) -> tuple[str, str]:
        """What the keys begin with whose changes matter."""
        return self._before, self._alias_before

    def hash_key(self, customer: str) -> str:
        """Hash of a customer."""
        return self._keys.customer(customer)

    def alias_key(self, asked: str) -> str:
        """Where an anonymous id finds its customer."""
        return alias_key(self._prefix, asked)

    def script_call(self, asked: str) -> tuple[str, int, str, str, str]:
        """Arguments of EVAL."""
        return SCRIPT, 2, self.alias_key(asked), self.hash_key(asked), self._before

    def of_script(self, asked: str, answer: Sequence[Any]) -> StageProfile:
        """The profile in the answer of the script."""
        alias, flat = answer
        fields = dict(zip(flat[::2], flat[1::2], strict=True)) if isinstance(flat, list) else flat
        return self.of_hash(_text(alias) or asked, fields)

    def of_hash(self, customer: str, fields: dict[Any, Any]) -> StageProfile:
        """The profile in the answer of HGETALL."""
        spelled = {_text(name): _text(value) for name, value in fields.items()}
        if not spelled.get("stage"):
            return unknown(customer, self.default_stage, "unknown")
        return with_fields(customer, spelled)

    def customer_of(self, key: bytes | str) -> str:
        """The id in the name of a hash or an alias.

        Examples:
            >>> Lookup("lifecycle", None, "").customer_of(b"lifecycle:customer:{c1}")
            'c1'
        """
        text = _text(key)
        start = self._before if text.startswith(self._before) else self._alias_before
        return text[len(start) : -len(self._after)]


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or "")
