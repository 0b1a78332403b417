"""What is reported of a subject that called no replica: how far it came, and what to look at first."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from tests.harness.subject.service import Service
from tests.harness.subject.subject import Subject
from tests.harness.world.capabilities import Query
from tests.harness.world.correlation import OwnCalls
from tests.harness.world.no_call import how_far
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
