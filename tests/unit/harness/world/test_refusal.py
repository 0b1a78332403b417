"""A gateway that is given variables which it may refuse."""

import contextlib
from collections.abc import Iterator, Mapping

from tests.harness.world.refusal import GIVEN, GivesVariables
from tests.harness.world.timeline import Timeline, Verb
from tests.harness.world.verdict import SubjectUnusableError


class World(GivesVariables):
    """Starts gateways, unless a variable is wrong."""

    def __init__(self) -> None:
        self.gateway_variables: Mapping[str, str] = {"CALL_TIMEOUT_MS": "1"}
        self.asked: list[tuple[str, object]] = []

    def fresh_gateway(self) -> float:
        """Start one."""
        if self.gateway_variables.get("WAIT_FOR_READY") == "perhaps":
            raise SubjectUnusableError("the gateway does not start: perhaps")
        return 1.0

    @contextlib.contextmanager
    def disturb(self, verb: str, on: str, **members: object) -> Iterator[Verb]:
        """Keep what is asked."""
        self.asked.append((verb, members["gateway_variables"]))
        with Timeline().verb(verb, on) as asked:
            yield asked


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
