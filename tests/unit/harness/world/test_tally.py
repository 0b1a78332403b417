"""The judges of distribution: what they say of good and bad blocks, and how often they are wrong, computed exactly."""

import itertools
import math
from collections.abc import Iterator, Sequence
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.harness.world.tally import Tally, calls_until_all, first_even_window, most_failures, rotation_faults

ABC = ["a", "b", "c"]


def _going_round(over: Sequence[str], calls: int) -> list[str | None]:
    return list(itertools.islice(itertools.cycle(over), calls))


def _letters(size: int) -> list[str]:
    return [f"order-{number:02}" for number in range(size)]


def _random_picker_passes(size: int, calls: int, restarts: int) -> Fraction:
    """Compute the probability that a random picker passes: a Markov chain over calls in turn and breaks."""
    states = {(0, 0): Fraction(1)}
    for _ in range(calls):
        after: dict[tuple[int, int], Fraction] = {}
        for (place, breaks), probability in states.items():
            in_turn = Fraction(size - place if place < size else 1, size)
            for state, share in (
                ((min(place + 1, size), breaks), in_turn),
                ((1, breaks + 1), 1 - in_turn),
            ):
                if state[1] <= restarts:
                    after[state] = after.get(state, Fraction(0)) + probability * share
        states = after
    return sum(states.values(), start=Fraction(0))


def _equal_shares_by_chance(size: int, each: int) -> Fraction:
    calls = size * each
    return Fraction(math.factorial(calls), math.factorial(each) ** size * size**calls)


def _more_than(bound: int, calls: int, probability: Fraction) -> Fraction:
    terms = (
        math.comb(calls, count) * probability**count * (1 - probability) ** (calls - count)
        for count in range(bound + 1)
    )
    return 1 - sum(terms, start=Fraction(0))


# Going round


@pytest.mark.parametrize("size", [2, 3, 12])
@pytest.mark.parametrize("begin", [0, 1])
def test_a_rotation_is_faultless_wherever_it_begins(size: int, begin: int) -> None:
    """Ten rounds in one order have no fault, whichever replica was first."""
    over = _letters(size)

    assert rotation_faults(_going_round(over[begin:] + over[:begin], 10 * size), over) == []


def test_the_order_of_a_rotation_is_the_clients_own() -> None:
    """A rotation in another order than that of the names has no fault."""
    assert rotation_faults(_going_round(["c", "a", "b"], 30), ABC) == []


@pytest.mark.parametrize(
    ("served", "out_of_turn"),
    [
        ([*ABC, "a", "c", "b", *ABC], "2 of 9 calls were out of turn, at most 0 may be: calls 5, 8"),
        (["a"] * 30, "29 of 30 calls were out of turn, at most 0 may be: calls 2, 3, 4, 5, 6"),
        (["a", "b"] * 15, "14 of 30 calls were out of turn, at most 0 may be: calls 3, 5, 7, 9, 11"),
        (["a", "a", "b", "c"] * 3, "3 of 12 calls were out of turn, at most 0 may be: calls 2, 6, 10"),
        (["a", "b", "a", "c"] * 3, "5 of 12 calls were out of turn, at most 0 may be: calls 3, 5, 7, 9, 11"),
    ],
    ids=["another order in each round", "pick_first", "a starved replica", "weighted 2:1:1", "smoothly weighted"],
)
def test_a_block_that_does_not_go_round_is_complained_of(served: list[str | None], out_of_turn: str) -> None:
    """The complaint counts the calls out of turn and names the first of them."""
    (complaint,) = rotation_faults(served, ABC)

    assert complaint.startswith(out_of_turn)


def test_the_complaint_about_pick_first_shows_its_shares() -> None:
    """Where one replica gets all calls, the complaint says so in numbers."""
    (complaint,) = rotation_faults(["b"] * 30, ABC)

    assert complaint.endswith("shares b: 30")


@pytest.mark.parametrize("restarts", [0, 1, 30])
@pytest.mark.parametrize("odd", ["d", None])
def test_no_restart_excuses_a_stranger_or_a_failed_call(odd: str | None, restarts: int) -> None:
    """A call served by another replica, or by none, is a fault of its own however many restarts are allowed."""
    (complaint,) = rotation_faults([*_going_round(ABC, 29), odd], ABC, restarts=restarts)

    assert f"some calls were served by {odd}, not by a, b, c" in complaint


def test_fewer_calls_than_replicas_must_all_differ() -> None:
    """Within the first round each call goes to a replica that had none yet."""
    over = _letters(12)

    assert rotation_faults(over[3:8], over) == []
    assert rotation_faults([*over[3:8], over[4]], over) != []


@pytest.mark.parametrize("restarts", [0, 1])
def test_a_starved_replica_is_seen_among_twelve(restarts: int) -> None:
    """Eleven of twelve replicas in rotation are a fault, also where the rotation may restart once."""
    over = _letters(12)

    assert rotation_faults(_going_round(over[:-1], 120), over, restarts=restarts) != []


def test_one_restart_is_excused_only_where_one_is_allowed() -> None:
    """A rotation that begins anew once is a fault where membership is settled, and none where it may restart."""
    served = [*_going_round(ABC, 10), *_going_round(ABC, 20)]

    assert rotation_faults(served, ABC) != []
    assert rotation_faults(served, ABC, restarts=1) == []


def test_a_second_restart_is_not_excused_by_the_first() -> None:
    """Two restarts where one is allowed are a fault, and the complaint names both."""
    served = [*_going_round(ABC, 10), *_going_round(ABC, 10), *_going_round(ABC, 10)]

    (complaint,) = rotation_faults(served, ABC, restarts=1)

    assert complaint.startswith("2 of 30 calls were out of turn, at most 1 may be: calls 11, 21;")


@st.composite
def _restarted_rotations(draw: st.DrawFn) -> tuple[list[str | None], list[str], int]:
    over = _letters(draw(st.integers(2, 5)))
    segments = draw(st.lists(st.tuples(st.permutations(over), st.integers(1, 12)), min_size=1, max_size=4))
    served = [call for order, calls in segments for call in _going_round(order, calls)]
    return served, over, len(segments) - 1


@given(_restarted_rotations())
def test_a_right_client_is_never_accused(case: tuple[list[str | None], list[str], int]) -> None:
    """Rotations in any orders, begun anew as often as allowed and at any call, have no fault: no false alarm."""
    served, over, restarts = case

    assert rotation_faults(served, over, restarts=restarts) == []


# How often a wrong client passes


def _all_blocks(over: Sequence[str], calls: int) -> Iterator[list[str | None]]:
    return (list(served) for served in itertools.product(over, repeat=calls))


@pytest.mark.parametrize(("size", "calls"), [(2, 8), (3, 8)])
@pytest.mark.parametrize("restarts", [0, 1, 2])
def test_the_chain_counts_what_the_judge_passes(size: int, calls: int, restarts: int) -> None:
    """Of all possible short blocks the judge passes exactly the share that the Markov chain computes."""
    over = _letters(size)
    passed = sum(not rotation_faults(served, over, restarts=restarts) for served in _all_blocks(over, calls))

    assert Fraction(passed, size**calls) == _random_picker_passes(size, calls, restarts)


@pytest.mark.parametrize(("size", "rounds"), [(2, 4), (3, 3), (3, 10), (12, 10)])
def test_the_stated_formula_is_what_the_chain_computes(size: int, rounds: int) -> None:
    """Without restarts a random picker passes k rounds over N replicas with N!/N^N · N^-(N(k-1))."""
    formula = Fraction(math.factorial(size), size**size) / size ** (size * (rounds - 1))

    assert _random_picker_passes(size, size * rounds, 0) == formula


@pytest.mark.parametrize(("restarts", "passes"), [(0, 2.9e-14), (1, 3.3e-12), (2, 1.7e-10)])
def test_a_random_picker_passes_thirty_calls_less_than_once_in_a_million(restarts: int, passes: float) -> None:
    """Over three replicas a random picker passes 30 calls with 2.9e-14; with one restart 3.3e-12, two 1.7e-10."""
    assert float(_random_picker_passes(3, 30, restarts)) == pytest.approx(passes, rel=0.02)


def test_equal_counts_alone_do_not_tell_a_random_picker() -> None:
    """
    At 300 attempts over 3 replicas a random picker has equal counts with 0.28 %, and counts within 2 with 1.9 %.

    A spread of 1 allows equal counts only: 101/100/99 is the next best split of 300, and differs by 2.
    """
    equal = _equal_shares_by_chance(3, 100)
    next_best = 6 * equal * Fraction(100, 101)  # 101/100/99 in any order

    assert Tally({"a": 100, "b": 100, "c": 100}).faults(ABC, spread=1) == []
    assert Tally({"a": 101, "b": 100, "c": 99}).faults(ABC, spread=1) != []
    assert Tally({"a": 101, "b": 100, "c": 99}).faults(ABC, spread=2) == []
    assert float(equal) == pytest.approx(0.0028, rel=0.02)
    assert float(equal + next_best) == pytest.approx(0.019, rel=0.02)


@pytest.mark.parametrize(
    ("calls", "probability"),
    [(120, Fraction(1, 27)), (80, Fraction(1, 8)), (480, Fraction(1, 12**3)), (10, Fraction(1, 2))],
)
def test_more_failures_than_the_bound_come_less_than_once_in_a_million(calls: int, probability: Fraction) -> None:
    """Beyond the bound lies at most 1e-6, beyond the next smaller one more than that."""
    bound = most_failures(calls, float(probability))

    assert _more_than(bound, calls, probability) <= Fraction(1, 10**6)
    assert _more_than(bound - 1, calls, probability) > Fraction(1, 10**6)


def test_a_gateway_without_retries_exceeds_the_bound_of_one_with_three_attempts() -> None:
    """One that fails a third of 120 calls stays within the bound for a 27th, 17 failures, with less than 2e-6."""
    bound = most_failures(120, 3**-3)

    assert bound == 17
    assert float(_more_than(bound, 120, Fraction(1, 27))) == pytest.approx(5.0e-7, rel=0.01)
    assert float(1 - _more_than(bound, 120, Fraction(1, 3))) == pytest.approx(1.57e-6, rel=0.01)


def test_calls_that_never_fail_are_allowed_no_failure_and_those_that_always_do_all() -> None:
    """At the ends of the range the bound is none and all."""
    assert most_failures(120, 0.0) == 0
    assert most_failures(120, 1.0) == 120


# Counts


def test_a_tally_reads_as_counts_in_the_order_of_names() -> None:
    """A tally shows as counts between slashes, an empty one as none."""
    assert str(Tally({"b": 9, "a": 10, "c": 11})) == "10/9/11"
    assert str(Tally({})) == "none"


@pytest.mark.parametrize(
    ("counts", "spread"),
    [({"a": 10, "b": 10, "c": 10}, 0), ({"a": 11, "b": 10, "c": 10}, 1), ({"a": 12, "b": 10, "c": 9}, 3), ({}, 0)],
)
def test_counts_within_the_spread_have_no_fault(counts: dict[str, int], spread: int) -> None:
    """Counts that differ by no more than the spread are faultless."""
    assert Tally(counts).faults(ABC, spread=spread) == []


@pytest.mark.parametrize(
    "counts", [{"a": 30}, {"a": 11, "b": 10, "c": 9}, {"a": 15, "b": 15}, {"a": 16, "b": 8, "c": 8}]
)
def test_counts_beyond_the_spread_are_complained_of_with_all_shares(counts: dict[str, int]) -> None:
    """The complaint shows each replica's share, 0 for one that got nothing."""
    (complaint,) = Tally(counts).faults(ABC, spread=1)

    shares = {name: counts.get(name, 0) for name in ABC}
    assert complaint == f"shares {shares} differ by more than 1"


def test_a_replica_that_should_get_nothing_is_named() -> None:
    """Attempts at a replica outside the list are a fault even where the others are even."""
    faults = Tally({"a": 10, "b": 10, "old": 1}).faults(["a", "b"], spread=1)

    assert faults == ["old got 1 attempts and should get none"]


# Even windows


def test_the_first_even_window_begins_where_the_shares_become_even() -> None:
    """After calls to one replica only, the window begins as soon as twelve calls hold each replica 3 to 5 times."""
    served = [*["a"] * 10, *_going_round(ABC, 30)]
    start = first_even_window(served, ABC)

    assert start == 9
    assert sorted(map(served[start : start + 12].count, ABC)) == [3, 4, 5]


def test_calls_that_overtook_each_other_are_even_still() -> None:
    """A window needs counts, no order: one share may be one more and another one less."""
    assert first_even_window(["a", "a", "a", "a", "a", "b", "b", "b", "b", "c", "c", "c"], ABC) == 0


@pytest.mark.parametrize(
    "served",
    [
        ["a"] * 30,
        ["a", "b"] * 15,
        ["a", "a", "b", "c"] * 8,
        _going_round(ABC, 11),
        [*ABC, None] * 10,
        [*ABC, "d"] * 10,
        [],
    ],
    ids=["pick_first", "starved", "weighted", "too few calls", "failures", "stranger", "nothing"],
)
def test_uneven_calls_have_no_even_window(served: list[str | None]) -> None:
    """Without four rounds in which each replica has its share, and nobody else any, there is no window."""
    assert first_even_window(served, ABC) is None


def test_an_even_window_is_over_exactly_the_replicas_asked_for() -> None:
    """Calls even over two replicas are an even window for these two, none for three of them."""
    served: list[str | None] = ["a", "b"] * 15

    assert first_even_window(served, ["a", "b"]) == 0
    assert first_even_window(served, ABC) is None


@pytest.mark.parametrize("replicas", [2, 3, 4, 22, 40])
def test_a_random_picker_reaches_every_replica_within_what_is_granted(replicas: int) -> None:
    """By inclusion and exclusion, one of them got none with a chance of at most one in a million, and not far less."""
    calls = calls_until_all(replicas)
    missed = sum(
        (-1) ** (out + 1) * math.comb(replicas, out) * (1 - out / replicas) ** calls for out in range(1, replicas)
    )

    assert 1e-9 < missed <= 1e-6
