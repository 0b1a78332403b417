"""What is reported of a subject that called no replica: how far it came, and what to look at first."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from tests.harness.subject.call import Call
from tests.harness.subject.service import Answered, Service
from tests.harness.subject.subject import Subject
from tests.harness.world.capabilities import Query
from tests.harness.world.correlation import OwnCalls
from tests.harness.world.no_call import check_streams, how_far
from tests.harness.world.reply import Reply
from tests.harness.world.verdict import SubjectUnusableError

if TYPE_CHECKING:
    from tests.harness.world.ledgers import Ledgers
    from tests.harness.world.orders import Orders

TARGET = "{target}"


class _Dns:
    queried_name = "order-service"

    def __init__(self, *names: str) -> None:
        self._names = names

    def queries(self) -> list[Query]:
        """Return what was queried."""
        return [Query(0.0, 0.0, name, "AAAA", "udp", "", (), "NOERROR") for name in self._names]


class _Ledgers:
    def __init__(self, *connections: str) -> None:
        self._connections = connections

    def connections(self, _since: float) -> list[str]:
        """Return what was opened."""
        return list(self._connections)

    def calls(self, _since: float) -> list[dict[str, Any]]:
        """Return none."""
        return []

    def fence(self) -> None:
        """There is nothing to read."""


def told(dns: _Dns | None, *connections: str) -> str:
    """Return what is reported."""
    return how_far({"dns": dns} if dns else {}, cast("Ledgers", _Ledgers(*connections)), 0.0, TARGET)


@pytest.mark.parametrize(
    ("dns", "connections", "words"),
    [
        (_Dns(), [], "it never queried our name server: does it dial {target}?"),
        (
            _Dns("inventory"),
            [],
            "it queried our name server for inventory, not for order-service: does it dial {target}",
        ),
        (_Dns("order-service"), [], "it resolved order-service and connected to no replica"),
        (_Dns("order-service"), ["a"], "it connected to a replica and sent no call"),
        (None, [], "it connected to no replica: does it dial {target}?"),
    ],
)
def test_it_is_told_how_far_it_came(dns: _Dns | None, connections: list[str], words: str) -> None:
    """From DNS to a call, each step has its own first suspect."""
    assert told(dns, *connections).startswith(words)


def test_a_subject_that_answers_and_calls_nothing_is_told_so() -> None:
    """In one line, with how far it came."""
    orders = type("Answered", (), {"one": lambda _: Reply("o1-1", 0.0, 0.1, 200, "OK"), "keep": lambda *_: None})()
    orders.kept_by = lambda _: orders
    calls = OwnCalls(cast("Ledgers", _Ledgers()), list, lambda: None)
    with pytest.raises(SubjectUnusableError) as raised:
        calls.probe(Subject("shop", Path(), service=Service()), cast("Orders", orders), 1.0, lambda: told(_Dns()))

    assert str(raised.value) == (
        "the probing call was answered, and no replica was called: "
        "it never queried our name server: does it dial {target}?"
    )


FEED = Subject(
    "feed",
    Path(),
    stream=Call(path="/watch/{id}"),
    service=Service(Answered("feed.v1.Feed/Get"), stream=Answered("feed.v1.Feed/Watch")),
)


def call(method: str, order_id: str = "o1-1", event: str = "attempt") -> dict[str, str]:
    """Return a call in a ledger."""
    return {"event": event, "id": order_id, "method": f"/{method}"}


@pytest.mark.parametrize(
    ("calls", "words"),
    [
        ([call("feed.v1.Feed/Watch")], ""),
        ([call("feed.v1.Feed/Watch"), call("users.v1.Users/Get", event="stub_called")], ""),
        ([], ""),
        ([call("feed.v1.Feed/Get")], "the subject's streams call feed.v1.Feed/Get, not feed.v1.Feed/Watch:"),
        (
            [call("feed.v1.Feed/Tail", event="other_called")],
            "the subject's streams call feed.v1.Feed/Tail, and",
        ),
        (
            [call("users.v1.Users/Get", event="stub_called")],
            "the subject's streams call users.v1.Users/Get, and",
        ),
        ([call("feed.v1.Feed/Watch", "")], "the subject's streams call feed.v1.Feed/Watch and carry nothing of their"),
    ],
)
def test_streams_that_call_something_else_are_told_so(calls: list[dict[str, str]], words: str) -> None:
    """Whatever else it is: another judged method, one that is refused, a stub, or one without their ids."""
    if not words:
        check_streams(FEED, ["o1-1"], calls)
        return
    with pytest.raises(SubjectUnusableError) as raised:
        check_streams(FEED, ["o1-1"], calls)
    assert str(raised.value).startswith(words)


def test_streams_of_the_contract_are_left_to_behaviours() -> None:
    """What a gateway of the contract calls is judged."""
    check_streams(Subject("gateway", Path()), ["o1-1"], [call("order.OrderService/GetOrder")])
    check_streams(replace(FEED, service=None), ["o1-1"], [call("order.OrderService/WatchOrder")])
