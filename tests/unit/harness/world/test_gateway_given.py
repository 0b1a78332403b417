"""A gateway that is given variables which it may refuse."""

from collections.abc import Sequence
from typing import cast

from tests.harness.world.environment import GIVEN, Environment
from tests.harness.world.replica import Replica
from tests.harness.world.verdict import SubjectUnusableError


class World(Environment):
    """Starts gateways, unless a variable is wrong."""

    name = "fake"
    slack = 0.1
    replicas: Sequence[Replica] = ()
    known: Sequence[Replica] = ()

    def __init__(self) -> None:
        super().__init__(0)
        self.gateway_variables = {"CALL_TIMEOUT_MS": "1"}

    def fresh_gateway(self) -> float:
        """Start one."""
        if self.gateway_variables.get("WAIT_FOR_READY") == "perhaps":
            raise SubjectUnusableError("the gateway does not start: perhaps")
        return 1.0

    def restore_replicas(self) -> None:
        """Leave them."""

    scale = replace = restart_replicas = connections = fence = end = restore_replicas  # type: ignore[assignment]  # unused

    @property
    def asked(self) -> list[tuple[object, object]]:
        """The verbs that were recorded, with what the gateway was given."""
        events = [members for _, event, members in self.timeline._events if event == "asked"]
        return [(members["verb"], cast("dict[str, str]", members["gateway_variables"])) for members in events]


def test_a_gateway_that_takes_them() -> None:
    """It listens: there is nothing to tell, and the variables come to those that it had."""
    world = World()

    assert world.gateway_given(WAIT_FOR_READY="true") == ""
    assert world.asked == [(GIVEN, {"CALL_TIMEOUT_MS": "1", "WAIT_FOR_READY": "true"})]


def test_a_gateway_that_refuses_them() -> None:
    """It does not start, and its words are the answer; the next one has to be asked for with others."""
    world = World()

    assert world.gateway_given(WAIT_FOR_READY="perhaps") == "the gateway does not start: perhaps"
    assert world.gateway_variables == {"CALL_TIMEOUT_MS": "1", "WAIT_FOR_READY": "perhaps"}
