"""Peers that are listed in addition to the replicas, or instead of them, for faults on the wire."""

import dataclasses
import itertools
import time
from collections.abc import Sequence

from tests.harness.world.endpoints import Frame, Steering
from tests.harness.world.eventually import reached
from tests.loopback.peer import Peer
from tests.loopback.replica import GRPC_PORT
from tests.loopback.shared import AddressPublisher, CapabilityEnvironment


class LoopbackPeers:
    """The peers of an environment (see `tests.harness.world.capabilities.Peers`): `all` that ever existed."""

    def __init__(self, environment: CapabilityEnvironment, publisher: AddressPublisher) -> None:
        self.all: list[Peer] = []
        self._environment, self._publisher = environment, publisher
        self._numbers = itertools.count(1)

    def start(self, steering: Steering, *, instead: bool = False) -> str:
        """Start a peer and list it in addition to the replicas, or instead of them; return its name."""
        name = f"peer-{next(self._numbers)}"
        with self._environment.disturb("list a peer", name, instead=instead, **dataclasses.asdict(steering)) as verb:
            peer = self._started(name, self._environment.addresses.new(), steering)
            verb.confirmed(self._publisher.publish(also=[peer.ip], instead=instead))
            return name

    def start_many(self, count: int, steering: Steering) -> list[str]:
        """Start so many peers and list them instead of the replicas; return their names."""
        with self._environment.disturb("list peers", "name server", count=count) as verb:
            names = [f"peer-{next(self._numbers)}" for _ in range(count)]
            peers = [self._started(name, self._environment.addresses.new(), steering) for name in names]
            verb.confirmed(self._publisher.publish(also=[peer.ip for peer in peers], instead=True))
            return names

    def connections(self, names: Sequence[str]) -> dict[str, int]:
        """Return how many connections are open to each of these peers."""
        self.fence()
        return {name: len(self._named(name).connections) for name in names}

    def steer(self, name: str, steering: Steering) -> float:
        """Change how a peer behaves from now on, and close the connections that it has not greeted; return when."""
        with self._environment.disturb("steer", name, **dataclasses.asdict(steering)) as verb:
            self._named(name).steer(steering)
            return verb.confirmed(time.monotonic())

    def silence(self, names: Sequence[str]) -> float:
        """
        Let the addresses of these killed replicas accept connections and stay silent; return when all were dialled.

        Raises InconclusiveError if the gateway does not dial them within the time that it has for reconnecting.
        """
        with self._environment.disturb("fall silent", self._environment.name, replicas=names) as verb:
            silent = Steering(greets=False)
            at = {replica.name: replica.ip for replica in self._environment.listed}
            peers = [self._started(f"silent-{name}", at[name], silent) for name in names]
            what = "the gateway has dialled each silent address"
            within = self._environment.budgets.reconnect
            return verb.confirmed(reached(lambda: all(peer.connections for peer in peers), within=within, what=what))

    def frames(self, name: str) -> list[Frame]:
        """Return the frames that a peer logged, oldest first."""
        peer = self._named(name)
        peer.fence()
        opened: dict[str, float] = {}
        found = []
        for event in peer.ledger.events():
            if event["event"] == "connection_opened":
                opened[event["peer"]] = event["monotonic"]
            elif event["event"] == "frame":
                members = (event["peer"], event["direction"], event["frame"], event["detail"])
                at = event["monotonic"]
                found.append(Frame(name, *members, at - opened[event["peer"]], at))
        return found

    def wait_for_frame(self, name: str, frame: str, *, within: float) -> Frame:
        """Return the first frame of that kind that a peer logged. Raises InconclusiveError if there is none."""
        found: list[Frame] = []

        def _there() -> bool:
            found[:] = [seen for seen in self.frames(name) if seen.frame == frame]
            return bool(found)

        reached(_there, within=within, what=f"{name} has logged {frame}")
        return found[0]

    def _started(self, name: str, ip: str, steering: Steering) -> Peer:
        environment = self._environment
        peer = Peer(name, (ip, GRPC_PORT), steering, environment.folder, environment.replica_variables)
        peer.ledger.whose = environment.whose
        self.all.append(peer)
        return peer

    def _named(self, name: str) -> Peer:
        (peer,) = [peer for peer in self.all if peer.name == name]
        return peer

    def fence(self) -> None:
        """Read everything that has reached them, and log it."""
        for peer in self.all:
            peer.fence()

    def clean(self) -> None:
        """Stop those that still listen; what they saw remains evidence."""
        for peer in self.all:
            peer.end()

    def keep_evidence(self) -> None:
        """Nothing to do: the ledgers hold everything that they saw."""
