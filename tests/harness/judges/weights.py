"""Weights by what replicas report of their load, and whether shares follow them (gRFC A58)."""

import contextlib
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import cycle
from statistics import mean

from tests.harness.subject.promises import Budgets
from tests.harness.world.environment import Environment
from tests.harness.world.eventually import eventually
from tests.harness.world.orders import Orders
from tests.harness.world.reply import Block
from tests.harness.world.verdict import SubjectWrongError

TOLERANCE = 0.02
"""
By what part of all calls a share may miss its weight.

C-core's scheduler is no draw: within one picker counts are exact but for the first and the last round, so to within one
call each, and in a block a picker is made anew once at most (when the name server's answer comes after a loss). 3 calls
of 150 are more than both: for a right client the false-alarm probability is 0. What it misses: a picker that draws at
random by the right weights, 2:1:3, passes 150 calls with 20 % (tests/unit/harness/judges/test_weights.py).
"""

CALLS = 50
"""Calls for each replica in a block that is judged."""

SIGHT = 8
"""The latest calls for each replica that are looked at to see weights in force; a tenth of them may be off."""


def report_load(environment: Environment, loads: Mapping[str, float | None]) -> dict[str, float]:
    """
    Start replica after replica anew with `LOAD_REPORT`, then the gateway, and return the weight of each by its name.

    The gateway, as a pod that was started anew has another address, which nobody asks for while others serve. `loads`
    gives the weight that each report is to make, None for a report that makes none: then the mean of the others
    is due (gRFC A58). Where replicas are more, it begins again.
    """
    made: dict[str, float | None] = {}
    for replica, (report, weight) in zip(environment.replicas, cycle(loads.items()), strict=False):
        replica.kill()
        replica.start(LOAD_REPORT=report)
        made[replica.name] = weight
    environment.fresh_gateway()
    middle = mean(weight for weight in made.values() if weight is not None)
    return {name: middle if weight is None else weight for name, weight in made.items()}


def wait_until_weighted(orders: Orders, weights: Mapping[str, float], budgets: Budgets, *, after: float) -> None:
    """
    Place orders until their shares follow the weights.

    Raises SubjectWrongError when a replica has answered none in its time, or when weights are not in force `after`
    seconds, and the slack, since the last one did. What is looked at came after it: while replicas are missing any
    shares may come about.
    """
    sight = SIGHT * len(weights)
    with orders.load() as load:
        load.wait_until_served(list(weights), within=budgets.reconnect)
        before = len(load.replies)
        for look in eventually(within=after + budgets.slack + sight / load.rate, what="calls follow the weights"):
            with look:
                latest = [reply.served_by or "nobody" for reply in load.replies[before:][-sight:]]
                faults = share_faults(Counter(latest), weights, tolerance=0.1)
                if faults or len(latest) < sight:
                    raise SubjectWrongError(f"calls do not follow the weights: {'; '.join(faults) or 'too few'}")


def weighted_block(orders: Orders, weights: Mapping[str, float], budgets: Budgets, *, after: float) -> Block:
    """Return a fresh block, placed as soon as shares follow the weights, or when they had their time for that."""
    with contextlib.suppress(SubjectWrongError):  # the block is what is judged
        wait_until_weighted(orders, weights, budgets, after=after)
    return orders.place(CALLS * len(weights))


def share_faults(counts: Mapping[str, int], weights: Mapping[str, float], *, tolerance: float = TOLERANCE) -> list[str]:
    """Complain where a replica's share is off its weight by more than this part of all calls, or it has no weight."""
    calls, whole = sum(counts.values()), sum(weights.values())
    faults = [f"{counts[name]} calls at {name}, which should get none" for name in sorted(set(counts) - set(weights))]
    for name, weight in weights.items():
        due = calls * weight / whole
        if abs(counts.get(name, 0) - due) > tolerance * calls:
            faults.append(f"{name} got {counts.get(name, 0)} of {calls} calls, {due:.1f} are due")
    return faults if calls else ["no call was made"]


def weight(report: str, *, penalty: float = 1.0, metrics: Sequence[str] = ()) -> float:
    """
    Return the weight that a report as in "rps_fractional=100,cpu_utilization=0.5" makes, 0 if it makes none.

    Calls per second over utilization, where the application's counts before the processors', and errors are added to
    it: gRFC A58, "Subchannel Weights". Of the `metrics` that are named instead the greatest counts (gRFC A114).
    """
    fields = {name: float(number) for name, _, number in (part.partition("=") for part in report.split(",")) if name}
    calls = fields.get("rps_fractional", 0.0)
    named = max((fields.get(name, 0.0) for name in metrics), default=0.0)
    used = named or fields.get("application_utilization", 0.0) or fields.get("cpu_utilization", 0.0)
    if not calls or not used:
        return 0.0
    return calls / (used + fields.get("eps", 0.0) / calls * penalty)
