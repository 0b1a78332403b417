"""Whether a behaviour applies to a subject in an environment, by its marks and by what it takes."""

from collections.abc import Container, Iterable, Iterator

import pytest

from tests.harness.subject import not_judged
from tests.harness.subject.subject import Subject
from tests.harness.world.capabilities import CAPABILITIES


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
    for mark in by_name:
        if mark.name == "promised":
            yield from (not_judged.not_promised(promise) for promise in mark.args if not subject.promises.has(promise))
    for mark in by_name:
        if mark.name == "feature":
            yield from (not_judged.unsupported(feature) for feature in mark.args if feature in subject.unsupported)
    if subject.tier == 1 and any(mark.name == "gateway" for mark in by_name):
        yield not_judged.BLACK_BOX
