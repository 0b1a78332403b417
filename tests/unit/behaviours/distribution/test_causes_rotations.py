"""Calls that are not in turn: several rotations, a rotation that begins again, or another policy."""

import random

import pytest

from tests.behaviours.distribution import causes as distribution
from tests.unit.helpers.story import Story, suspects

SEEDS = range(8)


def rotations(count: int, calls: int, seed: int) -> list[str]:
    """Return whom so many rotations pick, one of them at random for each call."""
    chance = random.Random(seed)  # noqa: S311, no secret
    position = [chance.randrange(3) for _ in range(count)]
    picked = []
    for _ in range(calls):
        which = chance.randrange(count)
        picked.append("abc"[position[which] % 3])
        position[which] += 1
    return picked


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("count", [2, 3])
def test_several_rotations_are_no_weights_and_no_other_policy(count: int, seed: int) -> None:
    """Two or three threads with a rotation each, in no fixed order."""
    finding = distribution.wrong_policy(Story().asked(0.4).calls(1.1, *rotations(count, 90, seed)).case())

    assert suspects(finding) == ("several_rotations",)


def test_rotations_that_alternate_are_no_weights() -> None:
    """Two threads in strict turn repeat six steps, with two calls for each replica."""
    assert suspects(distribution.wrong_policy(Story().calls(1.1, *"aabbcc" * 8).case())) == ("several_rotations",)


@pytest.mark.parametrize("seed", SEEDS)
def test_calls_at_random_are_not_several_rotations(seed: int) -> None:
    """They go to a replica that no rotation is at, soon."""
    chance = random.Random(seed)  # noqa: S311, no secret
    served = [chance.choice("abc") for _ in range(60)]

    assert suspects(distribution.wrong_policy(Story().calls(1.1, *served).case())) == ("wrong_policy",)


def polled(every: float, off: float) -> Story:
    """Return calls in turn, which begin again with one of them after each poll, or so many seconds after it."""
    story, turn = Story().asked(0.4), 0
    for number in range(240):
        at = 1.1 + number / 20
        if number and number % 30 == 0:
            turn += 1
            story.asked(at - every - off)
        story.call(at, "abc"[(number + turn) % 3])
    return story


def test_a_rotation_that_begins_again_with_each_poll_is_polling() -> None:
    """The turn is broken only right after an answer, which nothing had made the gateway query."""
    assert suspects(distribution.wrong_policy(polled(0.02, 0.0).case())) == ("polling",)


def test_a_turn_that_is_broken_at_other_moments_is_not_polling() -> None:
    """The queries have nothing to do with it."""
    assert suspects(distribution.wrong_policy(polled(0.02, 0.7).case())) != ("polling",)


def concurrent(*turns: str) -> Story:
    """Return calls of so many callers at the same time, which go where their turn tells."""
    story = Story().asked(0.4)
    for number in range(len(turns[0])):
        for caller, turn in enumerate(turns):
            story.call(1.1 + number / 100 + caller / 1000, turn[number], took=0.02, caller=caller)
    return story


@pytest.mark.parametrize(
    ("turns", "cause"),
    [
        (("abcabcabcabc", "abcabcabcabc", "abcabcabcabc"), "several_rotations"),
        (("aaaaaaaaaaaa", "bbbbbbbbbbbb", "bbbbbbbbbbbb", "cccccccccccc"), "tied_to_caller"),
        (("abcacbabccab", "acbbacabcacb", "aabbccabacab"), "wrong_policy"),
    ],
)
def test_what_each_of_several_callers_sees(turns: tuple[str, ...], cause: str) -> None:
    """In turn for each, tied to one replica, or neither, where all together are uneven."""
    story = concurrent(*turns)
    for number in range(6):
        story.call(2.0 + number / 1000, "a", took=0.02, caller=10 + number)

    assert suspects(distribution.wrong_policy(story.case())) == (cause,)
