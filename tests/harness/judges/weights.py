"""Weights from the load that replicas report, and whether shares follow them (gRFC A58)."""

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
The fraction of all calls by which a share may miss its weight.

C-core's scheduler is not random: within one picker counts are exact except for the first and the last round, so to
within one call each, and a picker is rebuilt at most once in a block (when the name server's answer arrives after a
loss). 3 calls of 150 are more than both: for a right client the false-alarm probability is 0. What it misses: a picker
that draws at random by the right weights, 2:1:3, passes 150 calls with 20 %
(tests/unit/harness/judges/test_weights.py).
"""

CALLS = 50
"""Calls for each replica in a block that is judged."""

SIGHT = 8
"""The latest calls for each replica that show whether weights are in force; a tenth of them may be off."""


def report_load(environment: Environment, loads: Mapping[str, float | None]) -> dict[str, float]:
    """
    Restart each replica with `LOAD_REPORT`, then the gateway, and return the weight of each replica by its name.

    The gateway too, as a restarted pod has a new address, which nothing queries while others serve. `loads` gives the
    weight that each report should produce, None for a report that produces none: then the mean of the others is due
    (gRFC A58). With more replicas than loads, the loads repeat.
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

    Raises SubjectWrongError if a replica has served none in time, or if weights are not in force `after` seconds, plus
    the slack, since the last replica did. Only later calls are looked at: while replicas are missing, shares can be
    anything.
    """
    sight = SIGHT * len(weights)
    with orders.load() as load:
        load.wait_until_served(list(weights), within=budgets.reconnect)
        before = len(load.replies)
        for look in eventually(within=after + budgets.slack + sight / load.rate, what="shares follow the weights"):
            with look:
                latest = [reply.served_by or "nobody" for reply in load.replies[before:][-sight:]]
                faults = share_faults(Counter(latest), weights, tolerance=0.1)
                if faults or len(latest) < sight:
                    raise SubjectWrongError(f"shares do not follow the weights: {'; '.join(faults) or 'too few calls'}")


def weighted_block(orders: Orders, weights: Mapping[str, float], budgets: Budgets, *, after: float) -> Block:
    """Return a fresh block, placed as soon as shares follow the weights, or when the time for that is up."""
    with contextlib.suppress(SubjectWrongError):  # the block is what is judged
        wait_until_weighted(orders, weights, budgets, after=after)
    return orders.place(CALLS * len(weights))


def share_faults(counts: Mapping[str, int], weights: Mapping[str, float], *, tolerance: float = TOLERANCE) -> list[str]:
    """Complain if a replica's share misses its weight by more than this fraction of all calls, or has no weight."""
    calls, whole = sum(counts.values()), sum(weights.values())
    faults = [f"{name} got {counts[name]} calls and should get none" for name in sorted(set(counts) - set(weights))]
    for name, weight in weights.items():
        due = calls * weight / whole
        if abs(counts.get(name, 0) - due) > tolerance * calls:
            faults.append(f"{name} got {counts.get(name, 0)} of {calls} calls and should get {due:.1f}")
    return faults if calls else ["no call was made"]


def weight(report: str, *, penalty: float = 1.0, metrics: Sequence[str] = ()) -> float:
    """
    Return the weight that a report such as "rps_fractional=100,cpu_utilization=0.5" produces, 0 if none.

    Calls per second over utilization; the application's takes precedence over the CPU's, and errors are added to it:
    gRFC A58, "Subchannel Weights". If `metrics` are named instead, the greatest of them counts (gRFC A114).
    """
    fields = {name: float(number) for name, _, number in (part.partition("=") for part in report.split(",")) if name}
    calls = fields.get("rps_fractional", 0.0)
    named = max((fields.get(name, 0.0) for name in metrics), default=0.0)
    used = named or fields.get("application_utilization", 0.0) or fields.get("cpu_utilization", 0.0)
    if not calls or not used:
        return 0.0
    return calls / (used + fields.get("eps", 0.0) / calls * penalty)
