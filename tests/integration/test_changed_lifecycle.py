"""A lifecycle file that changed under existing state: taken over if that can be right, refused if not."""

import pytest

from state import DAY, format_instant, parse_instant
from tests.integration.traffic import order
from tests.integration.workers import Tenant, until

pytestmark = pytest.mark.integration

START = parse_instant("2025-03-01T09:00:00Z")
SHOPPERS = {f"shopper-{n}": n % 6 for n in range(30)}  # and how often they order, once at least
TICKED = format_instant(START + 40 * DAY)


def lifecycle(*stages: tuple[str, str], more: str = "") -> str:
    first, *others = stages
    tables = [f'[[stage]]\nname = "{first[0]}"']
    tables += [f'[[stage]]\nname = "{name}"\nenter = "{enter}"' for name, enter in others]
    return "\n".join(['name = "shop"', *tables, more])


BEFORE = lifecycle(
    ("prospect", ""), ("customer", "orders >= 1"), ("loyal", "orders >= 3"), ("idle", "days_since_last_order > 300")
)  # fmt: skip
# Another threshold, a new stage in the middle, another order of the stages, and one under a new name.
AFTER = lifecycle(
    ("prospect", ""), ("asleep", "days_since_last_order > 300"), ("customer", "orders >= 1"),
    ("loyal", "orders >= 2"), ("vip", "orders >= 4"),
).replace('name = "asleep"', 'name = "asleep"\nwas = ["idle"]')  # fmt: skip


def stages(tenant: Tenant) -> dict[str, str]:
    return {customer: fields["stage"] for customer, fields in tenant.served().customers.items()}


def before(orders: int) -> str:
    return "loyal" if orders >= 3 else "customer"


def after(orders: int) -> str:
    return "vip" if orders >= 4 else "loyal" if orders >= 2 else "customer"


def buy(tenant: Tenant) -> dict[str, int]:
    """Everybody's orders, one a day."""
    orders = {customer: max(number, 1) for customer, number in SHOPPERS.items()}
    bought = sorted(
        (START + day * DAY, customer) for customer, number in orders.items() for day in range(number)
    )
    tenant.send([order(customer, format_instant(at), 10) for at, customer in bought])
    return orders


def test_compatible_changes_move_everybody_and_incompatible_ones_are_refused(tenant: Tenant) -> None:
    tenant.lifecycle(BEFORE)
    orders = buy(tenant)
    tenant.tick(TICKED)
    with tenant.worker("--clock", "event") as worker:
        tenant.drain(worker)
    old = tenant.served()
    assert stages(tenant) == {customer: before(n) for customer, n in orders.items()}

    # Nothing comes in: the change itself moves customers, at once, and each move is a change of its own.
    consumed = tenant.committed()
    tenant.lifecycle(AFTER)
    expected = {customer: after(n) for customer, n in orders.items()}
    with tenant.worker("--clock", "event") as worker:
        until(lambda: stages(tenant) == expected, worker, lambda: str(tenant.served().counts))
        tenant.drain(worker)
    new = tenant.served()
    assert new.counts == {stage: list(expected.values()).count(stage) for stage in set(expected.values())}
    for customer, fields in new.customers.items():
        moved = fields["stage"] != old.customers[customer]["stage"]
        assert (int(fields["version"]) > int(old.customers[customer]["version"])) or not moved
        assert (fields["since"] == old.customers[customer]["since"]) != moved
        assert fields["previous_stage"] == (
            before(orders[customer]) if moved else old.customers[customer]["previous_stage"]
        )
        assert fields["orders"] == str(orders[customer])
    sources = {place: offset for place, offset in consumed.items() if "stage-changes" not in place[0]}
    assert {place: tenant.committed()[place] for place in sources} == sources

    # What cannot be right is refused before anything is consumed.
    late = format_instant(START + 41 * DAY)
    tenant.send([order("shopper-1", late, 10)])
    tenant.tick(late)
    consumed, kept = tenant.committed(), len(tenant.records(tenant.changelog))
    refused(tenant, AFTER.replace("loyal", "keen"), "'loyal'", 'was = ["loyal"]')
    refused(
        tenant,
        AFTER.replace("orders >= 4", "orders >= 4 or product_views_700d > 9"),
        "product_views per day",
        "replay",
    )
    assert tenant.committed() == consumed
    assert len(tenant.records(tenant.changelog)) == kept
    assert tenant.served() == new

    # Done as it said, it works, and what came meanwhile counts.
    tenant.lifecycle(AFTER.replace('name = "loyal"', 'name = "keen"\nwas = ["loyal"]'))
    with tenant.worker("--clock", "event") as worker:
        tenant.drain(worker)
    expected = {customer: stage.replace("loyal", "keen") for customer, stage in expected.items()}
    assert stages(tenant) == expected | {"shopper-1": "keen"}


def refused(tenant: Tenant, text: str, *words: str) -> None:
    tenant.lifecycle(text)
    done = tenant.command("worker", "--clock", "event")
    complaints = [line for line in done.stderr.splitlines() if not line.startswith("{")]
    assert (done.returncode, done.stdout, len(complaints)) == (2, "", 1), done.stderr
    assert complaints[0].startswith("lifecycle: ")
    assert [word for word in words if word not in complaints[0]] == [], complaints
