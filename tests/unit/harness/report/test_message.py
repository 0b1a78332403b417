"""Messages as people read them: what pytest says of values is left out, and the end of a traceback is kept."""

import pytest

from tests.harness.report.message import abridged, expectation, gist, reason, stated

ROTATION = """\
assert not ['29 of 30 calls came out of turn', "shares {'a': 30}"]
 +  where ['29 of 30 calls came out of turn', "shares {'a': 30}"] = rotation_faults(['a', 'a', ...], ['a', 'b'])
 +    where ['a', 'a', ...] = Block(replies=(<o1 after 0.01 s: served by a>)).served
Still failing after 9 checks in 2.0 s."""

COMPARED = "assert [1, 1] == [3, 3]\n  \n  At index 0 diff: 1 != 3\n  Use -v to get more diff"

OWN = """\
a NOT_SERVING replica gets calls
  and is queried again
assert not (<attempt at o1>,)
 +  where (<attempt at o1>,) = Block(attempts=(<attempt at o1>,)).attempts
Still failing after 9 checks in 2.0 s."""

DIED = """\
gateway exited with status 1; last output:
Traceback (most recent call last):
  File "gateway.py", line 3, in <module>
    import grpc
ModuleNotFoundError: No module named 'grpc'"""


@pytest.mark.parametrize(
    ("message", "lines"),
    [
        (ROTATION, ["29 of 30 calls came out of turn", "shares {'a': 30}", "Still failing after 9 checks in 2.0 s."]),
        (COMPARED, []),
        (
            OWN,
            [
                "a NOT_SERVING replica gets calls",
                "  and is queried again",
                "Still failing after 9 checks in 2.0 s.",
            ],
        ),
        (DIED, DIED.splitlines()),
        ("assert not [<attempt at o1>]", []),
        ("assert not [1, 2]", []),
        ("assert not ['customer-1', 'customer-2']", []),
        ("calls are not even", ["calls are not even"]),
        ("", []),
    ],
)
def test_what_pytest_says_of_values_is_left_out(message: str, lines: list[str]) -> None:
    """The words of a behaviour, the faults in a list that should be empty, and notes stay; introspection goes."""
    assert stated(message) == lines


@pytest.mark.parametrize(
    ("message", "expected"), [(COMPARED, "[1, 1] == [3, 3]"), (OWN, "not (<attempt at o1>,)"), (DIED, "")]
)
def test_an_assertion_without_words_still_says_what_it_wanted(message: str, expected: str) -> None:
    """Its first line, without the keyword."""
    assert expectation(message) == expected


@pytest.mark.parametrize(
    ("message", "line"),
    [
        (ROTATION, "29 of 30 calls came out of turn"),
        (COMPARED, ""),
        ("assert not True\nStill failing after 3 checks in 5.4 s.", ""),
        (DIED, "gateway exited with status 1; last output: ModuleNotFoundError: No module named 'grpc'"),
        ("gateway died:", "gateway died:"),
        ("\n\n", ""),
    ],
)
def test_a_list_gets_one_line(message: str, line: str) -> None:
    """The first line, and the last one where the first leads up to it: that is where a traceback tells."""
    assert gist(message) == line


@pytest.mark.parametrize(
    ("members", "line"),
    [
        (
            {"seen": "30 of 30 attempts went to a", "suspects": ["pick_first"], "measured": "30"},
            "30 of 30 attempts went to a",
        ),
        ({"seen": "30 calls", "suspects": []}, "29 of 30 calls came out of turn"),
        (
            {"message": COMPARED, "measured": "attempts [1, 1]", "bound": "3 each"},
            "measured: attempts [1, 1]; bound: 3 each",
        ),
        ({"message": COMPARED, "measured": "attempts [1, 1]"}, "measured: attempts [1, 1]"),
        ({"message": COMPARED}, "expected: [1, 1] == [3, 3]"),
        ({"message": ""}, ""),
    ],
)
def test_a_reason_is_what_tells_most(members: dict[str, object], line: str) -> None:
    """What was seen of a known cause, the words of the behaviour, what it measured, and last what it expected."""
    assert reason({"message": ROTATION, **members}) == line


def test_the_end_of_a_long_text_is_kept() -> None:
    """Of too many lines the beginning and more of the end are shown, with a mark between them."""
    lines = [f"line {number}" for number in range(20)]

    assert abridged(lines, 20) == lines
    assert abridged(lines, 8) == ["line 0", "line 1", "…", *lines[14:]]
    assert abridged(lines, 2) == ["line 0", "…", "line 19"]
    assert abridged(DIED.splitlines(), 3)[-1] == "ModuleNotFoundError: No module named 'grpc'"
