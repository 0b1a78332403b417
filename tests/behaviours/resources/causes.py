"""Why a gateway uses too much, where a behaviour's own assertion finds it before the checks do."""

from itertools import pairwise

from tests.harness.causes.case import Case, Finding, likely
from tests.harness.checks.check import finding_of
from tests.harness.checks.resources import (
    a_name_is_queried_with_an_interval,
    an_address_is_dialled_with_a_backoff,
    an_idle_gateway_uses_no_cpu,
)
from tests.harness.evidence.sampler import SAMPLE


def busy(case: Case) -> Finding | None:
    """Say whether it used CPU while it was idle."""
    return finding_of(an_idle_gateway_uses_no_cpu, case)


def dialled_in_a_loop(case: Case) -> Finding | None:
    """Say whether an address was dialled without a backoff."""
    return finding_of(an_address_is_dialled_with_a_backoff, case)


def queried_in_a_loop(case: Case) -> Finding | None:
    """Say whether a name was queried without a minimum interval."""
    return finding_of(a_name_is_queried_with_an_interval, case)


def leak(case: Case) -> Finding | None:
    """
    Say whether descriptors or threads grew all the time while connections were lost.

    >>> grows = Story().call(1.1, plan="CLOSE", code="UNAVAILABLE")
    >>> for at in range(1, 9):
    ...     _ = grows.event(at, "resources", pid=1, descriptors=16 + 9 * at, threads=8)
    >>> leak(grows.case()).suspects
    ('leak',)
    >>> stays = Story().call(1.1, plan="CLOSE", code="UNAVAILABLE")
    >>> for at in range(1, 9):
    ...     _ = stays.event(at, "resources", pid=1, descriptors=16 + at % 2, threads=8)
    >>> leak(stays.case()) is None
    True
    """
    samples = [event.members for event in case.history.of_kind(SAMPLE) if event.at >= case.began]
    for name in ("descriptors", "threads"):
        used = [sample[name] for sample in samples if sample[name] is not None]
        if len(used) > 1 and used[-1] > used[0] + len(case.replicas) + 6:
            seen = f"{name} grew from {used[0]} to {used[-1]} while connections were lost and made again"
            return likely("leak", seen, "a pool that fills up to a limit would look the same until then")
    return None


def memory(case: Case) -> Finding | None:
    """
    Say whether memory grew with the calls.

    >>> grows = Story().call(1.1, "a")
    >>> for at in range(1, 9):
    ...     _ = grows.event(at, "resources", pid=1, memory=at * 2**25)
    >>> memory(grows.case()).suspects
    ('memory_leak',)
    >>> once = Story().call(1.1, "a")
    >>> for at in range(1, 9):
    ...     _ = once.event(at, "resources", pid=1, memory=min(at, 3) * 2**25)
    >>> memory(once.case()) is None
    True
    """
    used = [event.members["memory"] / 2**20 for event in case.history.of_kind(SAMPLE) if event.at >= case.began]
    grown = sum(after > before for before, after in pairwise(used))
    if len(used) < 3 or grown < 0.7 * (len(used) - 1):
        return None
    seen = f"memory grew from {used[0]:.0f} to {used[-1]:.0f} MiB, and in {grown} of {len(used) - 1} samples"
    return likely("memory_leak", seen, "a cache without a limit, or a heap that is not full yet, would look the same")
