"""What a load report is worth, and when shares are off their weights."""

from math import comb

import pytest

from tests.harness.judges.weights import share_faults, weight

WEIGHTS = {"a": 2.0, "b": 1.0, "c": 3.0}


@pytest.mark.parametrize(
    ("report", "made"),
    [
        ("rps_fractional=100,cpu_utilization=0.5", 200),
        ("rps_fractional=100,cpu_utilization=0.5,application_utilization=0.25", 400),
        ("rps_fractional=100,cpu_utilization=0.5,eps=50", 100),
        ("rps_fractional=100", 0),
        ("cpu_utilization=0.5", 0),
        ("", 0),
    ],
)
def test_a_report_makes_a_weight(report: str, made: float) -> None:
    """Calls per second over utilization, the application's first, errors added; none where one of them is not said."""
    assert weight(report) == made


def test_without_a_penalty_errors_do_not_count() -> None:
    """The penalty multiplies the part of the calls that failed."""
    assert weight("rps_fractional=100,cpu_utilization=0.5,eps=50", penalty=0.0) == 200
    assert weight("rps_fractional=100,cpu_utilization=0.5,eps=50", penalty=3.0) == 50


@pytest.mark.parametrize("counts", [{"a": 50, "b": 25, "c": 75}, {"a": 47, "b": 28, "c": 75}])
def test_shares_within_two_percent_follow_the_weights(counts: dict[str, int]) -> None:
    """Three of 150 calls either way."""
    assert share_faults(counts, WEIGHTS) == []


def test_shares_that_do_not_follow_the_weights() -> None:
    """Each that is off is named, with what is due to it; so is a replica without a weight, and no call at all."""
    assert share_faults({"a": 46, "b": 25, "c": 79}, WEIGHTS) == [
        "a got 46 of 150 calls and should get 50.0",
        "c got 79 of 150 calls and should get 75.0",
    ]
    assert share_faults({"a": 50, "b": 25, "c": 75, "d": 1}, WEIGHTS)[0] == "d got 1 calls and should get none"
    assert share_faults({}, WEIGHTS) == ["no call was made"]


def test_equal_shares_never_pass_for_these_weights() -> None:
    """Neither the judgement nor the look takes round_robin for weighted."""
    assert share_faults({"a": 50, "b": 50, "c": 50}, WEIGHTS)
    assert share_faults({"a": 8, "b": 8, "c": 8}, WEIGHTS, tolerance=0.1)


def test_what_a_picker_that_draws_passes_with() -> None:
    """150 calls drawn at random by the weights 2:1:3 are within 3 of what is due with a probability of 20 %."""
    passes = sum(
        comb(150, a) * comb(150 - a, b) * (1 / 3) ** a * (1 / 6) ** b * (1 / 2) ** (150 - a - b)
        for a in range(47, 54)
        for b in range(22, 29)
        if 72 <= 150 - a - b <= 78
    )

    assert passes == pytest.approx(0.20, abs=0.01)
