"""Transitions: who moved where in a period, skips and returns included, and the customers behind each number."""

from collections import Counter
from typing import Any

from state import format_instant
from stream_app.console.asked import Asked, address
from stream_app.console.charts import sankey
from stream_app.console.context import Context
from stream_app.console.flows import Flow, flows
from stream_app.console.page import Chart, Figure, Page
from stream_app.console.store import NEW
from stream_app.console.tables import Column, Link, Table

__all__ = ["behind", "transitions"]

_NEW_NAME = "(new)"
_GONE_NAME = "(erased)"


def transitions(context: Context, asked: Asked) -> Page:
    """Build the view."""
    moved = flows(context.store, asked)
    reasons = Counter[str]()
    pairs = Counter[tuple[str, str]]()
    for flow in moved:
        reasons[flow.reason] += flow.customers
        pairs[flow.before, flow.after] += flow.customers
    drawn = [
        (
            before or _NEW_NAME,
            after or _GONE_NAME,
            number,
            address("/transitions/customers", asked.here(before=before, after=after)),
        )
        for (before, after), number in pairs.items()
        if number > 0
    ]
    stages = context.stages(asked.lifecycle)
    return Page(
        title="Transitions",
        lead="Who moved where in the period, skips and returns included. A number leads to the customers behind it.",
        figures=[
            Figure("Moves", f"{sum(pairs.values()):,}", f"{asked.period['from']} to {asked.period['to']}"),
            Figure("Skipped a stage", f"{reasons['skipped']:,}", "went further than the next stage"),
            Figure("Went back", f"{reasons['returned']:,}", "to an earlier stage"),
            Figure("Lapsed", f"{reasons['lapsed']:,}", "into a lost stage"),
            Figure("Reactivated", f"{reasons['reactivated']:,}", "came back from a lost stage"),
        ],
        charts={"flow": Chart("From where (left) to where (right)", sankey(stages, drawn), tall=True)}
        if drawn
        else {},
        tables={
            "matrix": _matrix(stages, asked, pairs),
            "reasons": _reasons(moved, asked),
        },
        has_period=True,
    )


def _matrix(stages: tuple[str, ...], asked: Asked, pairs: Counter[tuple[str, str]]) -> Table:
    rows: list[list[Any]] = []
    afters = (*stages, NEW) if any(after == NEW for _, after in pairs) else stages
    for before in (NEW, *stages):
        cells: list[Any] = [before or _NEW_NAME]
        for after in afters:
            number = pairs[before, after]
            cells.append(
                Link(number, address("/transitions/customers", asked.here(before=before, after=after)))
                if number
                else None
            )
        rows.append([*cells, sum(pairs[before, after] for after in afters)])
    return Table(
        "From stage (row) to stage (column)",
        (Column("from"), *(Column(stage or _GONE_NAME, "count") for stage in afters), Column("all", "count")),
        rows,
    )


def _reasons(moved: list[Flow], asked: Asked) -> Table:
    rows = sorted(moved, key=lambda flow: -flow.customers)
    return Table(
        "By reason",
        (Column("from"), Column("to"), Column("reason"), Column("customers", "count")),
        [
            [
                flow.before or _NEW_NAME, flow.after or _GONE_NAME, flow.reason,
                Link(
                    flow.customers,
                    address("/transitions/customers", asked.here(before=flow.before, after=flow.after, reason=flow.reason)),
                ),
            ]
            for flow in rows
        ],
        "Nobody moved in this period.",
    )  # fmt: skip


def behind(context: Context, asked: Asked) -> Page:
    """The customers behind one number."""
    before, after, reason = (asked.values.get(name, "") for name in ("before", "after", "reason"))
    question = (
        "SELECT move.customer, move.at, move.reason, move.risk, standing.stage, standing.revenue FROM move "
        "LEFT JOIN standing ON standing.lifecycle = move.lifecycle AND standing.customer = move.customer "
        "WHERE move.lifecycle = ? AND from_stage = ? AND to_stage = ? AND move.at >= ? AND move.at < ? "
        "AND (? = '' OR reason = ?) ORDER BY move.at DESC LIMIT ? OFFSET ?"
    )
    found = context.store.rows(
        question, asked.lifecycle, before, after, asked.begin, asked.end, reason, reason, asked.rows + 1, asked.skipped
    )  # fmt: skip
    rows = [
        [
            Link(customer, address("/customer", {"lifecycle": asked.lifecycle, "id": customer})),
            format_instant(at), why, risk, stage, revenue,
        ]
        for customer, at, why, risk, stage, revenue in found[: asked.rows]
    ]  # fmt: skip
    return Page(
        title=f"{before or _NEW_NAME} → {after or _GONE_NAME}",
        lead=f"Customers who moved between {asked.period['from']} and {asked.period['to']}, the last ones first.",
        tables={
            "customers": Table(
                "Customers",
                (
                    Column("customer", "id"), Column("when", "time"), Column("reason"), Column("risk then", "share"),
                    Column("stage now"), Column("revenue", "amount"),
                ),
                rows,
                "None is known any more: moves older than console.keep_history are counted, not kept.",
            )
        },
        values={"pages": pages("/transitions/customers", asked, has_more=len(found) > asked.rows)},
        has_period=True,
    )  # fmt: skip


def pages(path: str, asked: Asked, *, has_more: bool) -> dict[str, str]:
    """Addresses of the pages before and after this one."""
    told = {}
    if asked.page > 1:
        told["previous"] = address(path, asked.here(page=str(asked.page - 1)))
    if has_more:
        told["next"] = address(path, asked.here(page=str(asked.page + 1)))
    return told
