"""The verb of loopback that asks the gateway for channelz."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

from tests.harness.world.channelz import ANYWHERE, Subchannel, subchannels
from tests.harness.world.verdict import InconclusiveError
from tests.loopback.listed import NAME, Listed
from tests.loopback.replica import LoopbackReplica


class Channelz(Listed):
    """What an environment can learn of a gateway that serves channelz."""

    _subnet: str
    _ports: Iterator[int]
    _known: Sequence[LoopbackReplica]
    _channelz_address = ""

    def with_channelz(self, variables: Mapping[str, str]) -> dict[str, str]:
        """Return the variables of a gateway with an address of this run where one asks for channelz."""
        if variables.get("CHANNELZ_ADDRESS") != ANYWHERE:
            return dict(variables)
        self._channelz_address = f"{self._subnet}.1:{next(self._ports)}"
        return {**variables, "CHANNELZ_ADDRESS": self._channelz_address}

    def subchannels(self) -> list[Subchannel]:
        """
        Return what the gateway says of its subchannels to the order service, and keep it as evidence.

        Raises SubjectWrongError if it says nothing, InconclusiveError if it was not asked to serve channelz.
        """
        if not self._channelz_address:
            raise InconclusiveError("the gateway was not asked to serve channelz")
        found = subchannels(self._channelz_address, NAME, {each.address: each.name for each in self._known})
        self.timeline.record("channelz", subchannels=[dataclasses.asdict(each) for each in found])
        return found
