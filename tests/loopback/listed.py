"""What the verbs of loopback lean on: the name server, the replicas that it lists, and addresses of this run."""

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path

from tests.harness.world.environment import Environment
from tests.loopback.name_server import NameServer
from tests.loopback.replica import LoopbackReplica

NAME = "order-service"


class Listed(Environment):
    """An environment whose name server is ours. What is listed takes hold with the gateway's next question."""

    folder: Path
    names: NameServer
    _listed: list[LoopbackReplica]

    @abstractmethod
    def publish(self, *, first: Sequence[str] = (), also: Sequence[str] = (), instead: bool = False) -> float:
        """
        Put addresses into the name server, those in `first`, the replicas', those in `also`; return when.

        With `instead` the replicas' are left out.
        """

    @abstractmethod
    def new_ip(self) -> str:
        """Return an address of this run that nothing uses."""
