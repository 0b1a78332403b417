"""When a gateway has started: by what it reports, or by what it promises."""

import time
from pathlib import Path

import pytest

from tests.harness.subject.promises import Promises
from tests.harness.subject.subject import Subject
from tests.harness.world import readiness
from tests.harness.world.readiness import once_serving
from tests.harness.world.verdict import SubjectDiedError, SubjectUnusableError
from tests.unit.helpers.small_gateway import Gateway


class Starting:
    """A gateway that keeps at which paths it was queried."""

    def __init__(self, url: str = "http://127.0.0.1:1", *, running: bool = True) -> None:
        self.url = url
        self.running = running

    def check(self) -> None:
        """Be dead if it does not run."""
        if not self.running:
            raise SubjectDiedError("gateway exited with status 70")


def _subject(ready: str, start_within: float = 0.0) -> Subject:
    return Subject(name="s", folder=Path(), ready=ready, promises=Promises(start_within=start_within))


def test_a_gateway_with_a_path_for_it_has_started_once_that_answers_200(gateway: Gateway) -> None:
    """It is queried there, and what it answers decides, not that it answers."""
    listened = time.monotonic()

    assert once_serving(Starting(gateway.url), _subject("/orders/x"), listened) > listened
    assert [path for _, path, _ in gateway.came] == ["/orders/x"]


@pytest.mark.parametrize("path", ["/orders/x~FAIL", "/orders/x~MOVED"])
def test_a_gateway_that_is_never_ready_cannot_be_judged(
    gateway: Gateway, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A 503, or a redirect, is not a 200."""
    monkeypatch.setattr(readiness, "READY", 0.1)
    with pytest.raises(SubjectUnusableError, match=f"the gateway answers 200 at {path}"):
        once_serving(Starting(gateway.url), _subject(path), time.monotonic())

    assert len(gateway.came) > 1


def test_a_gateway_that_dies_before_it_is_ready_is_not_waited_for() -> None:
    """How it ended is said instead."""
    with pytest.raises(SubjectDiedError, match="status 70"):
        once_serving(Starting(running=False), _subject("/readyz"), time.monotonic())


def test_a_gateway_without_one_is_left_alone_for_as_long_as_it_promises_to_take() -> None:
    """Without such a promise it serves as soon as it listens."""
    listened = time.monotonic()

    assert once_serving(Starting(), _subject(""), listened) == listened
    assert once_serving(Starting(), _subject("", start_within=0.2), listened) == listened + 0.2
    assert time.monotonic() >= listened + 0.2
