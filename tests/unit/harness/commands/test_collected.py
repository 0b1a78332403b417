"""What pytest collects against what the marks of the behaviours promise."""

import json

import pytest

from tests.harness.commands import collected
from tests.harness.commands.collected import DATA, complaints, counts, promised, stale
from tests.harness.plugin.selection import ENVIRONMENTS

CONTROL = "tests/behaviours/retry/test_retry.py::test_x[loopback-retries_everything-ABORTED]"


def ids(environment: str) -> list[str]:
    """Return the ids of everything that is promised there, as pytest writes them."""
    made = []
    for file, name, _ in promised(environment):
        function, _, parameter = name.rstrip("]").partition("[")
        made.append(f"tests/behaviours/x/{file}::{function}[{environment}{f'-{parameter}' if parameter else ''}]")
    return sorted(made)


@pytest.mark.parametrize("place", ENVIRONMENTS)
def test_what_is_collected_as_promised_has_the_numbers_that_were_kept(place: str) -> None:
    """The marks alone say how many there are; `make fresh` compares them with what pytest collects."""
    found = ids(place)
    kept = json.loads(DATA.read_text(encoding="utf-8"))[place]

    assert list(complaints(place, found)) == []
    assert counts(place, found) == {**kept, "negative controls": 0}


def test_a_behaviour_that_is_not_collected_is_named() -> None:
    """And so is one that should not be there; both change the numbers."""
    first, *others = ids("loopback")
    found = [*others, "tests/behaviours/x/test_odd.py::test_odd[loopback]", CONTROL]
    missing, odd, numbers = stale({"loopback": found})

    assert missing.startswith(first.partition("[")[0].rpartition("/")[2])
    assert missing.endswith("is not collected on loopback, although by its marks it is judged there")
    assert odd == "test_odd.py::test_odd is collected on loopback, although by its marks it is not judged there"
    assert numbers.startswith("docs/reference/collected.json: loopback has {'core': ")
    assert "'negative controls': 1} are collected: run `make docs`" in numbers


def test_the_command_fails_where_something_changed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line each, exit status 1."""
    found = {environment: ids(environment)[1:] for environment in ENVIRONMENTS}
    monkeypatch.setattr(collected, "collected", lambda environment: found[environment])

    assert collected.main(["--check"]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 2 * len(ENVIRONMENTS)
