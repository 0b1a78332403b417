"""
Rules: functions that look at one behaviour that failed, and name its cause if they recognise the evidence.

A rule lives in the `causes*.py` of its theme. A behaviour names the rules for exactly what it promises with
`@explained_by(…)`; after those, the `general` rules run for every behaviour.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache

from tests.harness.causes.case import Case, Finding
from tests.harness.themes import modules

Rule = Callable[[Case], Finding | None]

_ranks: dict[Rule, int] = {}
_of_round_robin: set[Rule] = set()


def general(rank: int, *, of_round_robin: bool = False) -> Callable[[Rule], Rule]:
    """
    Make a rule run for every behaviour, in the order of ranks: how much its evidence proves.

    From 100: what breaks every promise; from 200: wrong retries, which show only where calls are made to fail; from
    300: what faults reveal; from 400: what shows without any fault. `of_round_robin`: it treats as wrong what other
    policies do rightly, and does not run where another policy is in effect.
    """

    def _mark(rule: Rule) -> Rule:
        _ranks[rule] = rank
        if of_round_robin:
            _of_round_robin.add(rule)
        return rule

    return _mark


@cache
def ranked() -> Mapping[int, Rule]:
    """Return the general rules of all themes by their rank. Raises ValueError where two have the same."""
    modules("causes")
    by_rank = {rank: rule for rule, rank in _ranks.items()}
    if len(by_rank) < len(_ranks):
        lost = [f"{rule.__module__}.{rule.__name__}" for rule in _ranks if rule not in by_rank.values()]
        raise ValueError(f"two general rules have one rank: {', '.join(lost)}")
    return dict(sorted(by_rank.items()))


def general_rules(policy: str) -> Sequence[Rule]:
    """Return the rules that run for every behaviour of a gateway with this policy, in order."""
    return [rule for rule in ranked().values() if policy == "round_robin" or rule not in _of_round_robin]
