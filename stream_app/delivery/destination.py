"""Where does a message go, which ones, and in what words? The declaration of a destination, as in its TOML file."""

import ipaddress
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import urlsplit

import jmespath
from jmespath.exceptions import JMESPathError
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from stream_app.bundled import bundled
from stream_app.delivery.signature import key_of
from stream_app.errors import Misconfigured
from stream_app.setting_types import Duration

__all__ = ["Destination", "load_destination", "load_destinations"]

_VARIABLE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_SECRET_NAME: Final = re.compile(r"authorization|token|key|secret|password", re.IGNORECASE)
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_METADATA: Final = {"metadata.google.internal", "metadata", "instance-data"}
_SECOND: Final = 1_000_000


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=False)


class Only(_Part):
    """Which messages go there; an empty list lets everything through.

    Attributes:
        lifecycles: Names of lifecycles.
        stages: Stages after the change.
        from_stages: Stages before it.
        reasons: Reasons of stage changes; by default every one but ``rescored``, which is no change of stage.
        value_segments: Value segments.
        when: JMESPath condition on the message.
    """

    lifecycles: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()
    from_stages: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ("entered", "advanced", "skipped", "returned", "lapsed", "reactivated")
    value_segments: tuple[str, ...] = ()
    when: str = ""

    @field_validator("when")
    @classmethod
    def _is_jmespath(cls, text: str) -> str:
        return _expression(text) if text else ""


class OAuth(_Part):
    """Where a token comes from: the form of an OAuth 2 grant without a person.

    Attributes:
        token_url: Where the form is sent.
        form: Its fields: ``grant_type``, ``client_id``, ``client_secret``, ``refresh_token``, ``scope``, …
        scheme: What stands before the token in ``Authorization``.
    """

    token_url: str
    form: dict[str, SecretStr]
    scheme: str = "Bearer"


class Destination(_Part):
    """One destination.

    Attributes:
        name: Name in metrics, logs and commands; by default that of the file.
        url: Where to; ``{field}`` stands for a field of the message, percent-encoded, never in the host.
        method: HTTP method.
        on: Kinds of messages.
        headers: Further headers.
        body: JMESPath expression over the message that gives the JSON body; by default the webhook's.
        secrets: Standard Webhooks secrets; more than one while they are being replaced.
        only: Which messages.
        stages: Our stage name to theirs; if given, other stages are not sent.
        oauth: Where a token comes from.
        latest_only: Of several changes of a customer that wait only the newest is sent.
        start: What a new destination gets: what is published from now on, or everything that Kafka still holds.
        timeout: For one attempt.
        concurrency: Requests at the same time.
        give_up_after: How long one message is tried.
        longest_pause: Longest time between two attempts for one message.
        window: Messages that may be under way: bounds memory.
        allow_http: Send without TLS to another machine.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
    url: Annotated[str, Field(repr=False)]  # some systems have their secret in the path
    method: Literal["POST", "PUT", "PATCH"] = "POST"
    on: Annotated[tuple[Literal["stage-change", "churn-alert"], ...], Field(min_length=1)] = (
        "stage-change",
        "churn-alert",
    )
    headers: dict[str, SecretStr] = {}
    body: str = ""
    secrets: tuple[SecretStr, ...] = ()
    only: Only = Only()
    stages: dict[str, str | int] = {}
    oauth: OAuth | None = None
    latest_only: bool = False
    start: Literal["now", "beginning"] = "now"
    timeout: Duration = 10 * _SECOND
    concurrency: Annotated[int, Field(ge=1, le=256)] = 8
    give_up_after: Duration = 86_400 * _SECOND
    longest_pause: Duration = 300 * _SECOND
    window: Annotated[int, Field(ge=1, le=100_000)] = 1000
    allow_http: bool = False

    @field_validator("body")
    @classmethod
    def _is_jmespath(cls, text: str) -> str:
        return _expression(text) if text else ""

    @field_validator("headers")
    @classmethod
    def _fit_into_a_line(cls, headers: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for name, value in headers.items():
            if not _HEADER_NAME.fullmatch(name) or _CONTROL.search(value.get_secret_value()):
                raise ValueError(
                    f"{name!r} or its value is no header: does a variable end with a line break?"
                )
        return headers

    @field_validator("secrets")
    @classmethod
    def _are_keys(cls, secrets: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        for secret in secrets:
            key_of(secret.get_secret_value())
        return secrets

    @model_validator(mode="after")
    def _goes_where_it_may(self) -> Self:
        for url in (self.url, *((self.oauth.token_url,) if self.oauth else ())):
            _check_url(url, allow_http=self.allow_http)
        return self

    @property
    def keys(self) -> tuple[bytes, ...]:
        """Keys that sign."""
        return tuple(key_of(secret.get_secret_value()) for secret in self.secrets)


def load_destinations(
    names: tuple[str, ...], environment: Mapping[str, str] = os.environ
) -> list[Destination]:
    """Load destinations by preset name or path; their names are distinct.

    Raises:
        Misconfigured: In one line: file, key, reason.
    """
    loaded = [load_destination(name, environment) for name in names]
    seen: set[str] = set()
    for destination in loaded:
        if destination.name in seen:
            raise Misconfigured(
                f"destination {destination.name!r} is configured twice; give each its own name"
            )
        seen.add(destination.name)
    return loaded


def load_destination(name: str, environment: Mapping[str, str] = os.environ) -> Destination:
    """Load one destination.

    Args:
        name: Name of a preset, or path of a TOML file.
        environment: Where ``${NAME}`` is looked up.

    Raises:
        Misconfigured: In one line: file, key, reason.
    """
    file = _find(name)
    tree = {"name": file.stem, **_read(file)}
    _refuse_literal_secrets(file, tree)
    try:
        return Destination.model_validate(_filled(file, tree, environment))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        key = ".".join(str(part) for part in first["loc"]) or "url"
        raise Misconfigured(f"{file}: {key}: {first['msg'].removeprefix('Value error, ')}") from None


def _find(name: str) -> Path:
    if re.fullmatch(r"[a-z0-9_-]+", name):
        preset = bundled("destinations", f"{name}.toml")
        if preset.is_file():
            return preset
    if Path(name).is_file():
        return Path(name)
    known = ", ".join(sorted(file.stem for file in bundled("destinations").glob("*.toml")))
    raise Misconfigured(f"destination {name!r}: no such file, and no preset; presets are {known}")


def _read(file: Path) -> dict[str, Any]:
    try:
        tree = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Misconfigured(f"{file}: cannot be read as TOML: {error}") from None
    preset = tree.pop("preset", None)
    if preset is None:
        return tree
    base = bundled("destinations", f"{preset}.toml")
    if not base.is_file() or base == file:
        raise Misconfigured(f"{file}: preset: there is none called {preset!r}")
    # A table adds to the preset's one; the map of stages is one's own or the preset's.
    merged = _read(base)
    for key, value in tree.items():
        before = merged.get(key)
        if isinstance(value, dict) and isinstance(before, dict) and key != "stages":
            value = {**before, **value}  # noqa: PLW2901 - the table with what the preset's one adds
        merged[key] = value
    return merged


def _refuse_literal_secrets(file: Path, tree: dict[str, Any]) -> None:
    """Secrets belong into variables: what looks like one must be taken from the environment."""
    named = {f"headers.{key}": value for key, value in tree.get("headers", {}).items()}
    named |= {f"oauth.form.{key}": value for key, value in tree.get("oauth", {}).get("form", {}).items()}
    named |= {f"secrets.{at}": value for at, value in enumerate(tree.get("secrets", ()))}
    for key, value in named.items():
        is_secret = key.startswith("secrets.") or _SECRET_NAME.search(key.rpartition(".")[2])
        if is_secret and not _VARIABLE.search(str(value)):
            raise Misconfigured(
                f"{file}: {key}: secrets belong into variables; write for example ${{MY_SECRET}}"
            )


def _filled(file: Path, value: Any, environment: Mapping[str, str], key: str = "") -> Any:
    if isinstance(value, dict):
        return {k: _filled(file, v, environment, f"{key}.{k}".lstrip(".")) for k, v in value.items()}
    if isinstance(value, list):
        return [_filled(file, item, environment, f"{key}.{at}") for at, item in enumerate(value)]
    if not isinstance(value, str):
        return value

    def look_up(found: re.Match[str]) -> str:
        given = environment.get(found[1])
        if not given:
            raise Misconfigured(f"{file}: {key}: variable {found[1]} is not set")
        return given

    return _VARIABLE.sub(look_up, value)


def _expression(text: str) -> str:
    try:
        jmespath.compile(text)
    except JMESPathError as error:
        raise ValueError(f"is no JMESPath: {' '.join(str(error).split())}") from None
    return text


def _check_url(url: str, *, allow_http: bool) -> None:
    if _CONTROL.search(url):
        raise ValueError("url holds a control character: does a variable end with a line break?")
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme not in {"http", "https"} or not host or re.search(r"[{}]", parts.netloc):
        raise ValueError("url must begin with https:// and a host that is written out")
    if parts.username or parts.password:
        raise ValueError("url holds a user or password; put it into [headers]")
    address = _address(host)
    if host in _METADATA or (address is not None and (address.is_link_local or address.is_multicast)):
        raise ValueError(f"url: {host} is no destination: the metadata service of the machine answers there")
    is_local = host == "localhost" or (address is not None and address.is_loopback)
    if parts.scheme == "http" and not (is_local or allow_http):
        raise ValueError(
            "url is without TLS; write https://, or allow_http = true inside a network that you trust"
        )


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
