"""Where does each setting come from, and where must a wrong one be corrected?

Three sources, merged in this order: the file, ``LIFECYCLE_*`` variables, flags. A message about a wrong value
names the source that gave it: file, line and key, or the variable, or the flag.
"""

import difflib
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NoReturn, Self, TypeVar

from pydantic import BaseModel, ValidationError

from stream_app.errors import Misconfigured

PREFIX: Final = "LIFECYCLE_"
_OWN_VARIABLES: Final = re.compile(r"LIFECYCLE_(CONFIG|TRACEBACK|TEST_\w+)")
_INJECTED: Final = re.compile(r"LIFECYCLE_\w*(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP)(_\w+)?)")
_PATH_KEYS: Final = (("events", "measures"), ("kafka_security", "ca_file"), ("data_dir",))
_FLAGS: Final = {  # those that are not called as their setting is
    ("console", "host"): "--host",
    ("console", "port"): "--port",
    ("gateway", "host"): "--host",
    ("gateway", "keys"): "--write-key",
    ("gateway", "port"): "--port",
    ("gateway", "read_keys"): "--read-key",
    ("lifecycles",): "--lifecycle",
    ("topics", "partitions"): "--partitions",
}
_Model = TypeVar("_Model", bound=BaseModel)
Tree = dict[str, Any]


class Sources:
    """The three sources of one process, each as a tree of sections.

    Args:
        file: The configuration file, or ``None`` when the defaults are to hold.
        text: Its text, for the lines in messages.
        trees: Values of file, environment and flags, in the order in which they override each other.
    """

    def __init__(self, file: Path | None, text: str, trees: Mapping[str, Tree]) -> None:
        self.file = file
        self.text = text
        self.trees = trees

    @classmethod
    def read(cls, config: Path | None, environment: Mapping[str, str], flags: Mapping[str, Any]) -> Self:
        """Read all three sources.

        Raises:
            Misconfigured: If the file cannot be read or is not TOML.
        """
        named = config or environment.get(f"{PREFIX}CONFIG") or None
        file = Path(named) if named else None
        text = _text(file) if file else ""
        trees = {
            "file": _parsed(file, text) if file else {},
            "environment": _variables(environment),
            "flags": _given(flags),
        }
        return cls(file, text, trees)

    def merged(self) -> Tree:
        """Return one tree in which later sources override earlier ones, key by key."""
        merged: Tree = {}
        for tree in self.trees.values():
            _merge(merged, tree)
        return merged

    def place(self, location: tuple[str, ...]) -> str:
        """Say where the value at *location* was given, in the words of its source."""
        if _holds(self.trees["flags"], location):
            return f"flag {_flag(location)}"
        if _holds(self.trees["environment"], location):
            return f"variable {PREFIX}{'__'.join(location).upper()}"
        if self.file is not None and _holds(self.trees["file"], location):
            return f"{self.file}:{_line(self.text, location)}: {'.'.join(location)}"
        return ".".join(location)


def _flag(location: tuple[str, ...]) -> str:
    """What the flag is called that gives the value at *location*."""
    for length in range(len(location), 0, -1):
        if flag := _FLAGS.get(location[:length]):
            return flag
    return f"--{'-'.join(location).replace('_', '-')}"


def validated(model: type[_Model], sources: Sources) -> _Model:
    """Return *model* built from the merged *sources*.

    Raises:
        Misconfigured: About the first wrong value, with its place and, for an unknown key, the nearest name.
    """
    try:
        return model.model_validate(sources.merged())
    except ValidationError as error:
        _refuse(model, sources, error)


def _refuse(model: type[BaseModel], sources: Sources, error: ValidationError) -> NoReturn:
    first = error.errors(include_url=False, include_context=False)[0]
    location = tuple(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        said = f"unknown setting{_nearest(model, location)}"
    else:
        said = first["msg"].removeprefix("Value error, ")
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    raise Misconfigured(f"{sources.place(location)}: {said}{more}") from None


def _nearest(model: type[BaseModel], location: tuple[str, ...]) -> str:
    fields = model.model_fields
    for part in location[:-1]:
        section = fields[part].annotation if part in fields else None
        fields = section.model_fields if isinstance(section, type) and issubclass(section, BaseModel) else {}
    near = difflib.get_close_matches(location[-1], fields, n=1, cutoff=0.5)
    return f"; did you mean {near[0]}?" if near else f"; known here: {', '.join(fields)}"


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        advice = f"give another file with --config or {PREFIX}CONFIG"
        raise Misconfigured(f"{file}: cannot be read ({reason}); {advice}") from None


def _parsed(file: Path, text: str) -> Tree:
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Misconfigured(f"{file}: is not TOML: {error}") from None
    _resolve_paths(tree, file.resolve().parent)
    return tree


def _resolve_paths(tree: Tree, folder: Path) -> None:
    """Make the paths that a file gives relative to that file, so that it may be used from any directory."""
    for *sections, key in _PATH_KEYS:
        table: Any = tree
        for section in sections:
            table = table.get(section, {}) if isinstance(table, dict) else {}
        if isinstance(table, dict) and isinstance(table.get(key), str):
            table[key] = str(folder / Path(table[key]).expanduser())
    for key in ("lifecycles", "destinations"):
        if isinstance(names := tree.get(key), list):
            tree[key] = [_file_or_name(name, folder) for name in names]
    gateway = tree.get("gateway")
    webhooks = gateway.get("webhooks") if isinstance(gateway, dict) else None
    for webhook in webhooks.values() if isinstance(webhooks, dict) else ():
        if isinstance(webhook, dict) and "source" in webhook:
            webhook["source"] = _file_or_name(webhook["source"], folder)


def _file_or_name(name: Any, folder: Path) -> Any:
    return str(folder / name) if isinstance(name, str) and name.endswith(".toml") else name


def _variables(environment: Mapping[str, str]) -> Tree:
    """Return the tree that the ``LIFECYCLE_*`` variables spell; those that Kubernetes injects are foreign."""
    tree: Tree = {}
    for name, value in sorted(environment.items()):
        if not name.startswith(PREFIX) or _OWN_VARIABLES.fullmatch(name) or _is_injected(name, value):
            continue
        *sections, key = name.removeprefix(PREFIX).lower().split("__")
        table = tree
        for section in sections:
            table = table.setdefault(section, {})
            if not isinstance(table, dict):
                raise Misconfigured(
                    f"variable {name}: {PREFIX}{section.upper()} is set too; keep one of them"
                )
        table[key] = value
    return tree


def _is_injected(name: str, value: str) -> bool:
    """Tell whether Kubernetes made this variable for a service that is called like us."""
    return bool(_INJECTED.fullmatch(name)) or (
        name.endswith("_PORT") and value.startswith(("tcp://", "udp://"))
    )


def _given(flags: Mapping[str, Any]) -> Tree:
    tree: Tree = {}
    for key, value in flags.items():
        if isinstance(value, Mapping):
            if inner := _given(value):
                tree[key] = inner
        elif value is not None and value not in ([], ()):
            tree[key] = list(value) if isinstance(value, tuple) else value
    return tree


def _merge(into: Tree, tree: Mapping[str, Any]) -> None:
    for key, value in tree.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = dict(value) if isinstance(value, dict) else value


def _holds(tree: Any, location: tuple[str, ...]) -> bool:
    for part in location:
        if isinstance(tree, list):
            return part.isdecimal() and int(part) < len(tree)
        if not isinstance(tree, dict) or part not in tree:
            return isinstance(tree, str)
        tree = tree[part]
    return True


def _line(text: str, location: tuple[str, ...]) -> int:
    """Return the line on which *location* is given, or the line of its section, or 1."""
    section: tuple[str, ...] = ()
    found = 1
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[+([^\]]+)\]", line):
            section = tuple(part.strip() for part in header[1].split("."))
            found = number if section == location[: len(section)] else found
        elif key := re.match(r"\s*([\w.-]+)\s*=", line):
            path = (*section, *key[1].split("."))
            if path == location[: len(path)]:
                return number
    return found
