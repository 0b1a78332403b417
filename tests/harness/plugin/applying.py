"""Whether a behaviour applies to a subject in an environment, by its marks and by what it takes."""

import importlib
import inspect
import itertools
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from services.order.tls import MUTUAL
from tests.harness.subject import not_judged
from tests.harness.subject.promises import CODES
from tests.harness.subject.subject import Subject
from tests.harness.themes import behaviour_files, module_name
from tests.harness.world.capabilities import CAPABILITIES

CODE_FIXTURES = ("retryable_code", "other_code")
"""The names under which a behaviour takes a code that is to be retried, and one that is not."""


def not_hosted(marks: Iterable[pytest.Mark], takes: Container[str], environment: str) -> str:
    """Return why a behaviour that `takes` these fixtures cannot be judged in an environment, "" if it can."""
    limits = [(mark.args, mark.kwargs["reason"]) for mark in marks if mark.name == "only_in"]
    limits += [(hosted.environments, hosted.reason) for name, hosted in CAPABILITIES.items() if name in takes]
    return next((not_judged.not_hosted(hosts, why) for hosts, why in limits if environment not in hosts), "")


def reason_against(marks: Iterable[pytest.Mark], takes: Container[str], environment: str, subject: Subject) -> str:
    """Return why a behaviour does not apply to a subject there, "" if it does."""
    every = list(marks)
    first = not_hosted(every, takes, environment) or subject.reason_against(environment)
    return first or next(_lacking(every, subject), "")


def _lacking(marks: Iterable[pytest.Mark], subject: Subject) -> Iterator[str]:
    """Yield what the behaviour needs, and the subject does not promise, support or allow."""
    by_name = list(marks)
    if subject.front == "self" and not any(mark.name == "by_arrivals" for mark in by_name):
        yield not_judged.CALLS_BY_ITSELF
    for mark in by_name:
        if mark.name == "promised":
            yield from (not_judged.not_promised(promise) for promise in mark.args if not subject.has(promise))
    for mark in by_name:
        if mark.name == "feature":
            yield from (not_judged.unsupported(feature) for feature in mark.args if feature in subject.unsupported)
        if mark.name == "over_tls":
            yield from _no_tls(mark.args[0], subject)
    instead = {promise for mark in by_name if mark.name == "or_promised" for promise in mark.args}
    configured = any(mark.name == "gateway" for mark in by_name)
    if subject.tier == 1 and configured and not any(map(subject.has, instead)):
        yield not_judged.BLACK_BOX


def _no_tls(mode: str, subject: Subject) -> Iterator[str]:
    """Yield why a subject is not judged over TLS in a mode: its own, or one that it can be configured for."""
    own = subject.backend.tls
    if own:
        if mode == MUTUAL != own:
            yield not_judged.unsupported(f"tls = {MUTUAL!r}")
    elif subject.tier == 1 or "tls" in subject.unsupported:
        yield not_judged.unsupported("tls")


def codes_for(takes: Container[str], subject: Subject) -> Mapping[str, Sequence[str]]:
    """Return the codes that a behaviour is judged for, by the name under which it takes them; most take none."""
    promises = subject.promises
    every = dict(zip(CODE_FIXTURES, (promises.retryable_codes, promises.other_codes), strict=True))
    return {name: codes for name, codes in every.items() if name in takes}


def taken(item: pytest.Item) -> Sequence[str]:
    """Return the fixtures that a behaviour takes, and those that they take."""
    names: Sequence[str] = getattr(item, "fixturenames", ())
    return names


@dataclass(frozen=True)
class Function:
    """A behaviour as its source states it, whether or not pytest collected it."""

    file: Path
    behaviour: Callable[..., None]
    marks: Sequence[pytest.Mark]

    @property
    def takes(self) -> set[str]:
        """The fixtures that it takes, and those that fixtures of its own module take."""
        module, found = inspect.getmodule(self.behaviour), set[str]()
        left = [self.behaviour]
        while left:
            names = set(inspect.signature(left.pop()).parameters) - found
            found |= names
            left += [fixture for name in names if callable(fixture := getattr(module, name, None))]
        return found

    def cases(self, subject: Subject) -> Iterator[tuple[str, list[pytest.Mark]]]:
        """Yield its name for each of its cases, such as "test_x[ABORTED]", or just its own, and the marks of each."""
        return self._cases(codes_for(self.takes, subject).values())

    def every_case(self) -> Iterator[str]:
        """Yield the name of each of its cases for any subject, no matter which codes that one retries."""
        return (name for name, _ in self._cases([CODES] * len(self.takes.intersection(CODE_FIXTURES))))

    def _cases(self, judged: Iterable[Sequence[str]]) -> Iterator[tuple[str, list[pytest.Mark]]]:
        codes = [[_case(code) for code in codes] for codes in judged]
        given = [[_case(value) for value in mark.args[1]] for mark in self.marks if mark.name == "parametrize"]
        for case in itertools.product(*codes, *given):
            own = "-".join(name for name, _ in case)
            name = self.behaviour.__name__
            yield f"{name}[{own}]" if own else name, [*self.marks, *(mark for _, marks in case for mark in marks)]


def cases_of_the_suite() -> set[str]:
    """Return every case of every behaviour as "file.py::test_name[case]"; one without cases is just its name."""
    return {f"{function.file.name}::{name}" for function in functions() for name in function.every_case()}


def _case(value: object) -> tuple[str, list[pytest.Mark]]:
    """Return what pytest calls a parameter of our behaviours, and its marks."""
    marks = [getattr(mark, "mark", mark) for mark in getattr(value, "marks", ())]
    return str(getattr(value, "id", None) or "-".join(map(str, getattr(value, "values", [value])))), marks


def functions() -> Iterator[Function]:
    """Yield every behaviour of the suite, file by file, in source order."""
    for file in behaviour_files():
        module = importlib.import_module(module_name(file))
        shared = getattr(module, "pytestmark", [])
        for name, function in vars(module).items():
            if name.startswith("test_"):
                every = [*(shared if isinstance(shared, list) else [shared]), *getattr(function, "pytestmark", [])]
                yield Function(file, function, [getattr(mark, "mark", mark) for mark in every])
