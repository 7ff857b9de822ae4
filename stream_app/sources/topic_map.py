"""Which topic an event goes to: as its measure says, unless a file chooses otherwise by event name."""

import tomllib
from pathlib import Path

from state import TOPICS, MeasureMap
from stream_app.errors import Misconfigured
from stream_app.sources.record import TopicOf


def topic_chooser(kinds: MeasureMap, file: Path | None = None) -> TopicOf:
    """Return the function that chooses a topic's short name by call type and event name.

    Args:
        kinds: Names the topic of each configured event name; the default.
        file: TOML lines `"Event Name" = "topic"` that win over it, at the top or in a table `[topics]`; for
            events without a name the call type stands for it (`page = "clickstream"`).

    Raises:
        Misconfigured: If the file cannot be read or names a topic that does not exist.
    """
    chosen = {} if file is None else _read(file)

    def topic_of(call: str, name: str) -> str:
        found = chosen.get(name or call)
        if found is not None:
            return found
        try:
            return kinds.topic_of(call, name)
        except KeyError:
            return kinds.unknown.topic

    return topic_of


def _read(file: Path) -> dict[str, str]:
    try:
        table = tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise Misconfigured(f"{file}: cannot be read ({error.strerror}); check --topic-map") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Misconfigured(f'{file}: {error}; write lines like "Order Completed" = "purchases"') from error
    chosen = table.get("topics", table)
    for name, topic in chosen.items():
        if topic not in TOPICS:
            raise Misconfigured(
                f"{file}: {name!r}: {topic!r} is no source topic; use one of {', '.join(TOPICS)}"
            )
    return dict(chosen)
