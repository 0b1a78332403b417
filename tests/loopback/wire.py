"""The verbs of loopback for faults on the wire: peers that are listed beside the replicas, or instead of them."""

import dataclasses
import itertools
import time
from dataclasses import dataclass

from tests.harness.world.eventually import reached
from tests.loopback.listed import Listed
from tests.loopback.peer import Peer, Steering
from tests.loopback.replica import GRPC_PORT


@dataclass(frozen=True)
class Frame:
    """A frame that a peer sent or received: `seconds` after its connection was opened, on the monotonic clock `at`."""

    peer: str
    connection: str
    direction: str
    frame: str
    detail: str
    seconds: float
    at: float


class WireFaults(Listed):
    """What an environment can do with peers whose addresses it lists itself."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.peers: list[Peer] = []
        self._numbers = itertools.count(1)

    def list_peer(self, steering: Steering, *, instead: bool = False) -> str:
        """Start a peer and list it beside the replicas, or instead of them; return its name."""
        name = f"peer-{next(self._numbers)}"
        with self.disturb("list a peer", name, instead=instead, **dataclasses.asdict(steering)) as asked:
            peer = Peer(name, (self.new_ip(), GRPC_PORT), steering, self.folder)
            self.peers.append(peer)
            asked.confirmed(self.publish(also=[peer.ip], instead=instead))
            return name

    def steer(self, name: str, steering: Steering) -> float:
        """Let a peer do otherwise from now on, and end the connections that it has not greeted; return when it does."""
        with self.disturb("steer", name, **dataclasses.asdict(steering)) as asked:
            self._peer(name).steer(steering)
            return asked.confirmed(time.monotonic())

    def frames(self, name: str) -> list[Frame]:
        """Return what a peer wrote down of single frames, oldest first."""
        peer = self._peer(name)
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
        """Return the first frame of that kind that a peer wrote down; InconclusiveError if it has none by then."""
        found: list[Frame] = []

        def _there() -> bool:
            found[:] = [each for each in self.frames(name) if each.frame == frame]
            return bool(found)

        reached(_there, within=within, what=f"{name} has seen {frame}")
        return found[0]

    def _peer(self, name: str) -> Peer:
        (peer,) = [each for each in self.peers if each.name == name]
        return peer

    def end_peers(self) -> None:
        """End those that still listen."""
        for peer in self.peers:
            peer.end()
