"""
The words that the terminal, the page and junit.xml share.

It needs Python's standard library alone: the Action's script uses it before anything is installed.
"""

from collections.abc import Iterable, Mapping, Sequence

from tests.harness.report.spelling import spelt
from tests.harness.world.verdict import Verdict

MARKS = {
    Verdict.CONFORMANT: "holds",
    Verdict.NONCONFORMANT: "FAILS",
    Verdict.INCONCLUSIVE: "INCONCLUSIVE",
    Verdict.KNOWN_FAILURE: "known failure",
    Verdict.UNEXPECTEDLY_PASSING: "UNEXPECTEDLY PASSING",
    Verdict.LIBRARY_PROPERTY: "library property",
    Verdict.FIXED_UPSTREAM: "fixed upstream",
}
"""What stands next to a behaviour on the terminal; the verdict itself where it is none of these."""

_SEVERAL: Mapping[str, str] = {
    Verdict.CONFORMANT: "hold",
    Verdict.NONCONFORMANT: "fail",
    Verdict.KNOWN_FAILURE: "known failures",
    Verdict.LIBRARY_PROPERTY: "library properties",
}
_ONE: Mapping[str, str] = {Verdict.CONFORMANT: "holds", Verdict.NONCONFORMANT: "fails"}

WORST_FIRST = (
    Verdict.NONCONFORMANT,
    Verdict.UNEXPECTEDLY_PASSING,
    Verdict.INCONCLUSIVE,
    Verdict.KNOWN_FAILURE,
    Verdict.LIBRARY_PROPERTY,
    Verdict.FIXED_UPSTREAM,
    Verdict.NOT_JUDGED,
    Verdict.CONFORMANT,
)
"""The verdicts on a subject in the order in which people want to read them."""

_CODE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ_")


def words(behaviour: str) -> str:
    """Return a behaviour's name as words: "a TTL expires", "a non-retryable code is not retried: ABORTED"."""
    name = spelt(family(behaviour))
    return f"{name}: {case(behaviour)}" if case(behaviour) else name


def theme(file: str) -> str:
    """Return what the behaviours of a file have in common: its name in words."""
    return file.removeprefix("test_").removesuffix(".py").replace("_", " ")


def family(behaviour: str) -> str:
    """Return the name that a behaviour has in common with those that differ only in a parameter, such as a code."""
    return behaviour.partition("[")[0]


def case(behaviour: str) -> str:
    """Return the parameter of a behaviour, "" if it has none."""
    return behaviour.partition("[")[2].removesuffix("]")


def cases(number: int, names: Iterable[str]) -> str:
    """Return how many of these cases are meant: "14 of 16 codes"; anything else is a case."""
    every = list(names)
    noun = "codes" if every and all(set(name) <= _CODE for name in every) else "cases"
    return f"{number} of {len(every)} {noun}"


def cut(text: str, width: int) -> str:
    """Return a text of at most so many characters; of a behaviour with a parameter that is kept, as it tells apart."""
    if len(text) <= width:
        return text
    name, colon, parameter = text.rpartition(": ")
    room = width - len(colon) - len(parameter) - 1
    if colon and room >= width // 2:
        return f"{name[:room].rstrip()}…{colon}{parameter}"
    return f"{text[: width - 1].rstrip()}…"


def counted(verdicts: Sequence[str]) -> str:
    """Return how many there are of each verdict, what holds first: "40 hold, 6 fail, 1 inconclusive"."""
    order = dict.fromkeys((Verdict.CONFORMANT, *WORST_FIRST, *verdicts))
    numbers = {verdict: number for verdict in order if (number := verdicts.count(verdict))}
    return ", ".join(
        f"{number} {(_ONE if number == 1 else _SEVERAL).get(verdict, verdict)}" for verdict, number in numbers.items()
    )


def many(number: int, noun: str) -> str:
    """Return a number with its noun: "1 behaviour", "2 behaviours"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
