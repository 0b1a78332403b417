"""
Capabilities: what an environment can do beyond the core, as objects that its driver composes.

A behaviour asks for a capability as a fixture of that name. An environment without it does not collect the behaviour,
and says why with the capability's own reason.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tests.harness.world.channelz import Subchannel
from tests.harness.world.endpoints import Frame, Steering


@dataclass(frozen=True)
class Hosted:
    """Which environments have a capability, by name, and why no other one can."""

    environments: tuple[str, ...]
    reason: str


CAPABILITIES = {
    "dns": Hosted(("loopback",), "only there is the name server ours: it fails on demand, and logs its queries"),
    "peers": Hosted(("loopback",), "only there can a peer that speaks HTTP/2 by hand stand in for a replica"),
    "listeners": Hosted(("loopback",), "only there can we listen where a replica could be"),
    "proxy": Hosted(("loopback",), "only there is the proxy ours: it notes what it is asked for"),
    "channelz": Hosted(("loopback",), "only there can the gateway's channelz port be reached"),
    "network": Hosted(("compose",), "only there can the network of a replica be cut"),
    "cluster": Hosted(("kind",), "only Kubernetes has Services, readiness, Deployments and evictions"),
}
"""The capabilities by the name of their fixture; an environment composes those that are hosted there."""


@dataclass(frozen=True)
class Query:
    """
    One query that arrived at the name server, and what was answered.

    `monotonic` and `time` are seconds, of `time.monotonic` and `time.time`, at arrival. `name` is lower case without
    the final dot, `kind` the record type ("A", "AAAA", "TXT"), `protocol` "udp" or "tcp". `rcode` is "silent" where no
    answer was sent; `answer` is empty where it was truncated (TC).
    """

    monotonic: float
    time: float
    name: str
    kind: str
    protocol: str
    client: str
    answer: tuple[str, ...]
    rcode: str


class Dns(Protocol):
    """
    The name server of the environment. Changes take hold with the gateway's next query, so a behaviour waits for that.

    `queried_name` is the name that the gateway is pointed at.
    """

    @property
    def queried_name(self) -> str:
        """The name that the gateway is pointed at."""

    def publish(self, *, first: Sequence[str] = (), also: Sequence[str] = (), instead: bool = False) -> float:
        """List addresses: those in `first`, the replicas' unless `instead`, those in `also`; return when."""

    def unlist(self, replica: Any) -> float:  # noqa: ANN401, a replica of the same environment
        """Take the record of a replica away; it runs on. Raises InconclusiveError if it has none."""

    def list_in_order(self, names: Sequence[str]) -> float:
        """List exactly the replicas of these names, in this order in every answer."""

    def list_a_dead_address(self) -> str:
        """List an address where nothing listens in addition to the replicas'; return it."""

    def list_only_a_dead_address(self) -> float:
        """List one address where nothing listens instead of the replicas', which run on, until `publish`."""

    def set_ttl(self, seconds: int) -> float:
        """Answer with records of this TTL instead of 0."""

    def publish_txt(self, text: str) -> float:
        """Make this the TXT record in which gRFC A2 has a service config; with "" there is none."""

    def fail(self, fault: str, *, kinds: Sequence[str] = ()) -> float:
        """Answer queries for the name wrongly: a fault of `FAULTS`, for these record types or all."""

    def heal(self) -> float:
        """Answer queries for the name correctly again."""

    def queries(self) -> list[Query]:
        """Return all queries of the gateway since it was started, of every type and name."""

    def address_queries(self, since: float) -> list[Query]:
        """Return the gateway's queries for addresses of the order service since a monotonic time."""

    def wait_for_query(self, since: float, within: float) -> Query | None:
        """Return the first query for addresses after `since`, None if none came within that many seconds of it."""

    def wait_for_txt_query(self, since: float, within: float) -> Query | None:
        """Return the first query for the TXT record after `since`, None if none came within that many seconds."""


class Peers(Protocol):
    """Endpoints that speak HTTP/2 by hand, listed in addition to the replicas or instead of them."""

    def start(self, steering: Steering, *, instead: bool = False) -> str:
        """Start a peer and list it in addition to the replicas, or instead of them; return its name."""

    def steer(self, name: str, steering: Steering) -> float:
        """Let a peer behave differently from now on, and end the connections that it has not greeted; return when."""

    def silence(self, names: Sequence[str]) -> float:
        """Let the addresses of these killed replicas accept connections and say nothing; return when all are."""

    def frames(self, name: str) -> list[Frame]:
        """Return what a peer wrote down of single frames, oldest first."""

    def wait_for_frame(self, name: str, frame: str, *, within: float) -> Frame:
        """Return the first frame of that kind that a peer wrote down. Raises InconclusiveError if there is none."""


class Listeners(Protocol):
    """Endpoints that accept connections and do no more: they close them, say nothing, or greet once."""

    def start(self, count: int, script: Sequence[str] = ...) -> list[str]:
        """Listen at so many new addresses and list them in addition to the replicas; return them."""

    def wait_for_dials(self, count: int, within: float) -> dict[str, list[float]]:
        """Return when each listener was dialled (monotonic), at most `count` times, after `within` seconds at most."""

    def start_closing(self, count: int, *, instead: bool = False) -> list[str]:
        """List so many addresses in order that close each connection, before the replicas or instead of them."""

    def dialled(self, since: float = 0.0) -> list[str]:
        """Return the closing addresses to which connections were opened since a monotonic time, in that order."""


class Proxy(Protocol):
    """A CONNECT proxy that the environment of every gateway names from its start on, though not for the replicas."""

    def start(self, *, alive: bool = True) -> str:
        """Start it and return its URL. It leads to the first replica, or unless `alive` closes each connection."""

    def tunnels(self) -> list[str]:
        """Return what the proxy was asked for, in the order asked."""


class Channelz(Protocol):
    """What a gateway says of itself over channelz (gRFC A14)."""

    def subchannels(self) -> list[Subchannel]:
        """Return its subchannels to the order service. Raises SubjectWrongError if it does not answer."""


class Network(Protocol):
    """The network between gateway and replicas."""

    def cut(self, replica: Any) -> float:  # noqa: ANN401, a replica of the same environment
        """Make packets from and to a replica vanish; return when."""


class Cluster(Protocol):
    """What only Kubernetes does with pods."""

    def take_readiness(self, replica: Any) -> float:  # noqa: ANN401, a replica of the same environment
        """Make a pod not ready; it runs on, keeps its connections and is no longer listed."""

    def give_readiness(self, replica: Any) -> float:  # noqa: ANN401, likewise
        """Make a pod ready, and so listed, again."""

    def evict(self, replica: Any) -> float:  # noqa: ANN401, likewise
        """Have a pod evicted, as when its node is drained."""

    def deploy(self, *, faulty: bool = False) -> list[Any]:
        """Have a Deployment run as many replicas in addition to the present ones, or one faulty; return them."""

    def deploy_instead(self) -> list[Any]:
        """Have a Deployment run the replicas instead of the suite; return them once they alone are listed."""

    def roll_out(self) -> float:
        """Replace the pods of the Deployment as its strategy says; return when the last old one was gone."""

    def fresh_gateway_at_mapped_port(self) -> float:
        """Point a new gateway at a headless Service whose port is not the replicas', at the replicas' port."""
