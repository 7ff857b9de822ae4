"""How does a payload of another system become events? A TOML file says so; adding a system needs no code.

``config/README.md`` explains the file; ``config/sources/`` holds one for each system that is known.
"""

import difflib
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from stream_app.bundled import bundled
from stream_app.errors import Misconfigured
from stream_app.gateway.expressions import Expression
from stream_app.gateway.signatures import ByWriteKey, Verify

_CALLS = Literal["track", "identify", "page", "screen", "alias", "group"]


def _compiled(value: Any) -> Any:
    """Compile a text; anything else stands for itself."""
    return Expression(value) if isinstance(value, str) else value


_Computed = Annotated[Any, BeforeValidator(_compiled)]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


class Rule(_Table):
    """What one kind of payload becomes. Every text but `type` and those in `names` is JMESPath.

    Attributes:
        when: The rule applies where this is true; by default everywhere.
        type: Call type.
        event: Name of the event.
        names: What the values of `event` are called here; a value that is not named is passed over.
        user_id: The customer.
        anonymous_id: Or a visitor.
        previous_id: For ``alias``: who the customer was before.
        message_id: What is the same when it is sent again; by default a hash of the payload.
        timestamp: When it happened; by default when it arrived.
        properties: Of the event.
        traits: Of the customer.
        active: False for what is no sign of life of the customer, such as a field that a colleague edits.
    """

    when: _Computed = None
    type: _CALLS = "track"
    event: _Computed = None
    names: dict[str, str] = {}
    user_id: _Computed = None
    anonymous_id: _Computed = None
    previous_id: _Computed = None
    message_id: _Computed = None
    timestamp: _Computed = None
    properties: dict[str, _Computed] = {}
    traits: dict[str, _Computed] = {}
    active: bool = True


class Source(_Table):
    """One system that sends.

    Attributes:
        title: What it is called.
        body: ``json``; ``form`` for a form, whose ``a[b]`` becomes nested; or ``form:FIELD`` for JSON in a field of one.
        each: JMESPath to the list of payloads in the body, or to a single one.
        verify: How it is known that the system sent it.
        event: Rules; for each payload the first that applies counts, and a payload without one is passed over.
    """

    title: str
    body: Annotated[str, Field(pattern=r"^(json|form|form:.+)$")] = "json"
    each: _Computed = Field(default=Expression("@"), validate_default=False)
    verify: Verify = ByWriteKey()
    event: Annotated[tuple[Rule, ...], Field(min_length=1)]


FOLDER: Final = "sources"


def names() -> list[str]:
    """The systems that are known.

    Examples:
        >>> "stripe" in names()
        True
    """
    return sorted(file.stem for file in bundled(FOLDER).glob("*.toml"))


@lru_cache(maxsize=256)
def load_source(name: str) -> Source:
    """Read a source file.

    Args:
        name: One of `names`, or the path of a ``.toml`` file.

    Raises:
        Misconfigured: In one line: file, key, and what is wrong.

    Examples:
        >>> load_source("stripe").title
        'Stripe'
    """
    path = Path(name) if name.endswith(".toml") else bundled(FOLDER, f"{name.replace('_', '-')}.toml")
    if not name.endswith(".toml") and path.stem not in names():
        near = difflib.get_close_matches(path.stem, names(), n=1)
        hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(names())}; or name a .toml file"
        raise Misconfigured(f"source {name!r} is not known; {hint}")
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Misconfigured(f"{path}: cannot be read ({error.strerror}); check the name") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{path}: is not TOML: {error}") from None
    try:
        return Source.model_validate(tree)
    except ValidationError as error:
        raise Misconfigured(f"{path}: {_sentence(error)}") from None


def _sentence(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        known = sorted({*Rule.model_fields, *Source.model_fields})
        near = difflib.get_close_matches(str(first["loc"][-1]), known, n=1)
        hint = f"; did you mean {near[0]}?" if near else f"; known: {', '.join(known)}"
        return f"{place}: unknown key{hint}"
    return f"{place}: {first['msg'].removeprefix('Value error, ')}"
