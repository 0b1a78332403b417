"""The digests of mutants and behaviours: another one after a change of what they do, and after no other."""

from dataclasses import replace

from tests.behaviours.distribution.mutants import PICK_FIRST
from tests.harness.commands import definitions
from tests.harness.commands.definitions import behaviours_now, rows_now


def test_digests_are_the_same_each_time() -> None:
    """They do not depend on the process, and differ between rows and between behaviours."""
    rows, behaviours = dict(rows_now("loopback")), dict(behaviours_now())
    rows_now.cache_clear()
    behaviours_now.cache_clear()

    assert (rows_now("loopback"), behaviours_now()) == (rows, behaviours)
    assert len(set(rows.values())) == len(rows)


def test_a_mutant_is_its_fields() -> None:
    """Another variable is another mutant."""
    other = replace(PICK_FIRST, variables={"CALL_TIMEOUT_MS": "1"})

    assert definitions._row(PICK_FIRST) == definitions._row(replace(PICK_FIRST))
    assert definitions._row(PICK_FIRST) != definitions._row(other)


def _first(names: list[str]) -> None:
    """Compare something."""
    assert len(names) == 10


def _again(names: list[str]) -> None:
    """Compare the same, in other words."""
    # and with a comment
    assert len(names) == 10


def _other(names: list[str]) -> None:
    """Compare something."""
    assert len(names) == 11


def test_a_behaviour_is_what_it_does() -> None:
    """Not its words; a number that it uses is."""
    first, again, other = map(definitions._behaviour, (_first, _again, _other))

    assert first == again != other
