"""What the gateway on loopback reports about itself over channelz."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence

from tests.harness.world.channelz import ANYWHERE, Subchannel, subchannels
from tests.harness.world.verdict import InconclusiveError
from tests.loopback.replica import LoopbackReplica
from tests.loopback.shared import CapabilityEnvironment


class LoopbackChannelz:
    """The gateway's channelz port (see `tests.harness.world.capabilities.Channelz`): `host` and the next port."""

    def __init__(
        self,
        environment: CapabilityEnvironment,
        host: str,
        ports: Iterator[int],
        known: Callable[[], Sequence[LoopbackReplica]],
    ) -> None:
        self._environment, self._host, self._ports, self._known = environment, host, ports, known
        self._address = ""

    def addressed(self, variables: Mapping[str, str]) -> dict[str, str]:
        """Return the variables of a gateway, with an address of this run if they request channelz."""
        if variables.get("CHANNELZ_ADDRESS") != ANYWHERE:
            return dict(variables)
        self._address = f"{self._host}:{next(self._ports)}"
        return {**variables, "CHANNELZ_ADDRESS": self._address}

    def subchannels(self) -> list[Subchannel]:
        """
        Return what the gateway reports about its subchannels to the order service, and keep it as evidence.

        Raises SubjectWrongError if it does not respond, InconclusiveError if it was not configured to serve it.
        """
        if not self._address:
            raise InconclusiveError("the gateway was not configured to serve channelz")
        found = subchannels(
            self._address,
            self._environment.variant.subject.backend.name,
            {replica.address: replica.name for replica in self._known()},
        )
        self._environment.timeline.record(
            "channelz", subchannels=[dataclasses.asdict(subchannel) for subchannel in found]
        )
        return found

    def clean(self) -> None:
        """Nothing to do: it ends with the gateway."""

    def keep_evidence(self) -> None:
        """Nothing to do: each query is kept when it is made."""
