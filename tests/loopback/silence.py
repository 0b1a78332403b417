"""A verb of loopback: the address of a replica that is gone accepts connections again, and says nothing."""

from collections.abc import Sequence

from tests.harness.world.eventually import reached
from tests.loopback.peer import Peer, Steering
from tests.loopback.replica import GRPC_PORT
from tests.loopback.wire import WireFaults


class Silence(WireFaults):
    """What an environment can do with the address of a replica that it has killed."""

    def fall_silent(self, names: Sequence[str]) -> float:
        """
        Let the addresses of these replicas accept connections and say nothing; return when all had been dialled.

        Raises InconclusiveError if it does not dial them in the time in which it is to reconnect.
        """
        with self.disturb("fall silent", self.name, replicas=names) as asked:
            peers = [self._silent(name) for name in names]
            what = "the gateway has dialled each silent address"
            dialled = reached(lambda: all(peer.connections for peer in peers), within=self.budgets.reconnect, what=what)
            return asked.confirmed(dialled)

    def _silent(self, name: str) -> Peer:
        (ip,) = [replica.ip for replica in self._listed if replica.name == name]
        peer = Peer(f"silent-{name}", (ip, GRPC_PORT), Steering(greets=False), self.folder)
        self.peers.append(peer)
        return peer
