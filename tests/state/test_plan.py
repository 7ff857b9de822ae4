import subprocess
import sys

import state
from state import DAY, FoldPlan


def test_the_longest_window_of_a_measure_decides_what_is_kept() -> None:
    assert FoldPlan.build(["orders_30d", "orders_180d", "orders_60d"]).windows() == {"orders per day": 181}


def test_a_plan_tells_which_windows_older_profiles_do_not_hold() -> None:
    before = FoldPlan.build(["orders_30d", "events_7d"], lateness=DAY).windows()
    assert FoldPlan.build(["orders_20d"], lateness=DAY).missing(before) == []
    assert FoldPlan.build(["orders_60d", "carts_3h"]).missing(before) == ["carts per hour", "orders per day"]


def test_the_public_names_are_there() -> None:
    assert all(hasattr(state, name) for name in state.__all__)
    assert list(state.__all__) == sorted(
        state.__all__, key=lambda name: (not name.isupper(), not name[0].isupper(), name)
    )


def test_the_core_loads_no_broker_no_store_no_models_and_no_event_loop() -> None:
    unwanted = {"asyncio", "faust", "aiokafka", "redis", "river", "numpy", "scorers", "stream_app"}
    program = f"import sys, state; print(*({unwanted} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
