"""`lifecycle letters`: the events that were refused, and sending repaired ones again."""

import asyncio
import logging
import time
from collections import Counter
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from state import format_instant
from stream_app.errors import Misconfigured, WorkFailed
from stream_app.letters import Letter, Place, Repairs, Sent, read_letters, resend
from stream_app.options import AsJson, ConfigFile, DataDir, Kafka
from stream_app.printing import Printer, rows
from stream_app.settings import Settings, load_settings
from stream_app.user import user


class Action(StrEnum):
    """What to do with dead letters."""

    LIST = "list"
    SHOW = "show"
    RESEND = "resend"


def letters(
    action: Annotated[Action, typer.Argument(help="What to do.")] = Action.LIST,
    places: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PARTITION:OFFSET]…", help="Which letters, as the list names them."),
    ] = None,
    config: ConfigFile = None,
    kafka: Kafka = None,
    data_dir: DataDir = None,
    reason: Annotated[
        str | None, typer.Option(help="Only letters with this reason code.", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Newest letters of each partition to look at.")] = 1000,
    file: Annotated[
        Path | None,
        typer.Option(help="The repaired record, for resend of one letter.", exists=True, dir_okay=False),
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Also those that were sent again before.")] = False,
    as_json: AsJson = False,
) -> None:
    """List dead letters, show one as it came, or send letters again.

    `resend` judges each letter as a worker would and sends those that would now be accepted, because the
    configuration was what was wrong, or because --file repairs it. Exit code 1 if a letter was not sent.
    """
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    settings = load_settings(config, kafka=kafka, data_dir=data_dir)
    named = _places(places or [])
    if action is Action.SHOW and len(named) != 1:
        raise Misconfigured(
            "`lifecycle letters show` needs one PARTITION:OFFSET, as `lifecycle letters` lists them"
        )
    if file is not None and (action is not Action.RESEND or len(named) != 1):
        raise Misconfigured("--file goes with `lifecycle letters resend PARTITION:OFFSET`")
    if action is Action.RESEND and not named and reason is None:
        raise Misconfigured("say which letters: PARTITION:OFFSET, or --reason CODE for all of one kind")
    found = asyncio.run(read_letters(settings, named or None, limit))
    if missing := set(named) - {letter.place for letter in found}:
        raise WorkFailed(
            f"Kafka has no dead letter {', '.join(map(str, sorted(missing)))}: `lifecycle letters` lists those it has"
        )
    _tell_of_limit([] if named else found, limit)
    found = [letter for letter in found if reason in (None, letter.facts.get("reason"))]
    if named and not found:
        raise WorkFailed(f"none of these dead letters has the reason {reason}")
    if action is Action.RESEND:
        _resend(settings, found, file, again=again, as_json=as_json)
    elif action is Action.SHOW:
        _show(found[0], as_json=as_json)
    else:
        _list(settings, found, as_json=as_json)


def _places(texts: list[str]) -> list[Place]:
    try:
        return list(dict.fromkeys(map(Place.parse, texts)))
    except ValueError as error:
        raise Misconfigured(str(error)) from None


def _tell_of_limit(found: list[Letter], limit: int) -> None:
    """Who sends all of one kind again must hear that there may be more of them."""
    if limit in Counter(letter.place.partition for letter in found).values():
        typer.echo(
            f"note: of a partition only the newest {limit} letters were looked at; --limit looks further back",
            err=True,
        )


def _list(settings: Settings, found: list[Letter], *, as_json: bool) -> None:
    repaired = Repairs(settings.data_dir).known(f"{settings.topic_prefix}dead-letters")
    if as_json:
        told = [
            {"letter": str(one.place), **one.facts, "sent_again": repaired.get(one.place)} for one in found
        ]
        typer.echo(msgspec.json.encode(told).decode())
        return
    table = rows("letter", "refused", "reason", "why", "sent again")
    for one in found:
        facts = one.facts
        table.add_row(
            str(one.place), facts.get("rejected_at", "")[:19], facts.get("reason", ""), facts.get("sentence", "")[:200],
            repaired.get(one.place, ""),
        )  # fmt: skip
    Printer().print(table if found else "No event was refused.")


def _show(letter: Letter, *, as_json: bool) -> None:
    if as_json:
        told = {"letter": str(letter.place), **letter.facts, "key": letter.key, "value": letter.value}
        typer.echo(msgspec.json.encode(told).decode())
        return
    console = Printer(stderr=True)
    for name, value in letter.facts.items():
        console.print(f"{name}: {value}")
    typer.echo(letter.value)  # byte for byte, so that it can be put into a file and repaired


def _resend(
    settings: Settings, found: list[Letter], file: Path | None, *, again: bool, as_json: bool
) -> None:
    topic, repairs = f"{settings.topic_prefix}dead-letters", Repairs(settings.data_dir)
    known = repairs.known(topic)
    chosen = [one for one in found if again or one.place not in known]
    if file is not None:
        chosen = [one._replace(value=file.read_bytes()) for one in chosen]
    now = time.time_ns() // 1000
    sent = asyncio.run(resend(settings, chosen, now))
    went = [one for one in sent if one.topic is not None]
    repairs.note(topic, [one.place for one in went], format_instant(now)[:19], user())
    _tell(sent, len(found) - len(chosen), as_json=as_json)
    if len(went) < len(sent):
        raise WorkFailed(
            f"{len(sent) - len(went)} of {len(sent)} letters would be refused again: repair them with --file"
        )


def _tell(sent: list[Sent], before: int, *, as_json: bool) -> None:
    if as_json:
        told = [{"letter": str(one.place), "topic": one.topic, "refusal": one.refusal} for one in sent]
        typer.echo(msgspec.json.encode({"letters": told, "sent_before": before}).decode())
        return
    for one in sent:
        typer.echo(f"{one.place}  {one.topic or one.refusal}")
    typer.echo(
        f"{sum(one.topic is not None for one in sent)} sent again, {before} were sent before (--again sends them too)"
    )
