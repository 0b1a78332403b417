"""What a report keeps of a subject's own request and service."""

from pathlib import Path

import pytest

from tests.harness.subject.backend import Backend
from tests.harness.subject.call import Call
from tests.harness.subject.fronts import ByItself, Front, Lines, Rpc
from tests.harness.subject.kept import kept, of_kept
from tests.harness.subject.service import Answered, Service
from tests.harness.subject.subject import Subject

SERVED = Service(Answered("shop.v1.Inventory/Reserve"))


@pytest.mark.parametrize(
    "call",
    [None, Call("POST", "/checkout/{id}"), Rpc("a.B/C"), Lines(), ByItself()],
    ids=lambda call: type(call).__name__,
)
@pytest.mark.parametrize("service", [None, Service(), SERVED], ids=["contract", "any", "named"])
@pytest.mark.parametrize("stream", [None, Call(path="/watch/{id}")], ids=["no stream", "stream"])
def test_a_replay_has_what_behaviours_depend_on(
    call: Front | None, service: Service | None, stream: Call | None
) -> None:
    """Whose request it is, how it is called, and which method is judged."""
    backend = Backend("inventory", 9000, "mutual")
    subject = Subject("a", Path(), call=call, service=service, stream=stream, ready="/readyz", backend=backend)
    again = Subject("a", Path(), **of_kept(kept(subject)))

    assert (again.is_its_own, again.front, again.judged_method) == (
        subject.is_its_own,
        subject.front,
        subject.judged_method,
    )
    assert (again.stream is None) == (stream is None)
    assert [again.has(promise) for promise in ("served_by", "a server", "serves when it listens")] == [
        subject.has(promise) for promise in ("served_by", "a server", "serves when it listens")
    ]
    assert (again.backend.name, again.backend.tls) == ("inventory", "mutual")


def test_an_older_report_means_the_contract() -> None:
    """It has none of this."""
    subject = Subject("a", Path(), **of_kept({"tls": "server"}))

    assert not subject.is_its_own
    assert (subject.backend, subject.ready, subject.stream) == (Backend(tls="server"), "", None)


def test_an_unknown_front_is_refused() -> None:
    """A newer suite may have more of them."""
    with pytest.raises(KeyError):
        of_kept({"front": "mqtt"})
