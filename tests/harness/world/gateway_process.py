"""The gateway's process on this machine: stopped as an orchestrator does, and what it uses."""

import time
from contextlib import AbstractContextManager
from typing import Protocol, runtime_checkable

from tests.harness.world.gateway import Seat
from tests.harness.world.resources import Resources, resources
from tests.harness.world.timeline import Verb
from tests.harness.world.verdict import InconclusiveError


@runtime_checkable
class LocalGateway(Protocol):
    """A gateway whose process can be signalled."""

    @property
    def pid(self) -> int | None:
        """Its process id on this machine, None if unknown."""

    def ask_to_stop(self) -> None:
        """Send it SIGTERM, and do not wait."""

    def ends_within(self, seconds: float) -> bool:
        """Wait that long for it to exit, and say whether it did."""


class RunningEnvironment(Protocol):
    """What the process needs from its environment."""

    @property
    def seat(self) -> Seat:
        """The place of the running subject."""

    def disturb(self, verb: str, on: str, **members: object) -> AbstractContextManager[Verb]:
        """Record a verb, and that the gateway was disturbed."""


class GatewayProcess:
    """The process of the current gateway (see `tests.harness.world.capabilities.Process`)."""

    def __init__(self, environment: RunningEnvironment) -> None:
        self._environment = environment

    def stop(self, within: float) -> float | None:
        """
        Send the gateway SIGTERM; return when it was seen to have exited, None if it did not within so many seconds.

        Until another one is started, that it has exited does not count against it.
        """
        gateway = self._gateway()
        with self._environment.disturb("stop gateway", "gateway", within=within) as verb:
            self._environment.seat.stopped()
            gateway.ask_to_stop()
            return verb.confirmed(time.monotonic()) if gateway.ends_within(within) else None

    def resources(self) -> Resources:
        """Return what its processes use now. Raises InconclusiveError where the kernel does not show it."""
        pid = self._gateway().pid
        used = None if pid is None else resources(pid)
        if used is None or used.descriptors is None:
            raise InconclusiveError("the kernel of this machine does not show what the gateway's processes use")
        return used

    def clean(self) -> None:
        """Nothing to do: a gateway that was stopped is replaced."""

    def keep_evidence(self) -> None:
        """Nothing to do: the verb and the samples are in the timeline."""

    def _gateway(self) -> LocalGateway:
        gateway = self._environment.seat.gateway
        if not isinstance(gateway, LocalGateway):
            raise InconclusiveError("no gateway is running on this machine")
        return gateway
