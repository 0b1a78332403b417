"""
Capabilities: what an environment can do beyond the core, as objects that its driver composes.

A behaviour requests a capability as a fixture of that name. An environment without it does not collect the behaviour,
and reports the capability's own reason.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tests.harness.world.channelz import Subchannel
from tests.harness.world.endpoints import Frame, Steering
from tests.harness.world.resources import Resources
from tests.harness.world.streams import Stream


class Measured(Protocol):
    """Takes what a behaviour measured, in a few words, and the bound it is held against; the report shows both."""

    def __call__(self, words: str, *, bound: str = "") -> None:
        """State it; the last call counts."""


class Capability(Protocol):
    """A part that only some environments have (capabilities.py has what each can do)."""

    def clean(self) -> None:
        """Undo everything that a behaviour did with it."""

    def keep_evidence(self) -> None:
        """Add what it saw to the timeline."""


@dataclass(frozen=True)
class Hosted:
    """Which environments have a capability, by name, and why no other one can."""

    environments: tuple[str, ...]
    reason: str


CAPABILITIES = {
    "dns": Hosted(("loopback",), "needs a name server of ours, which fails on demand and logs its queries"),
    "peers": Hosted(("loopback",), "needs a hand-written HTTP/2 peer in place of a replica"),
    "listeners": Hosted(("loopback",), "needs a listener of ours in place of a replica"),
    "proxy": Hosted(("loopback",), "needs a proxy of ours in the gateway's environment variables"),
    "channelz": Hosted(("loopback",), "needs the gateway's channelz port to be reachable"),
    "process": Hosted(("loopback", "compose"), "needs the gateway's process on this machine"),
    "direct": Hosted(("loopback", "compose"), "needs replicas that the suite reaches without a tunnel"),
    "streams": Hosted(("loopback", "compose"), "needs a connection to the gateway on which nothing is held back"),
    "network": Hosted(("compose",), "needs to cut off the network of a replica"),
    "cluster": Hosted(("kind",), "needs the Services, readiness, Deployments and evictions of Kubernetes"),
}
"""The capabilities by the name of their fixture; an environment composes those that it hosts."""


@dataclass(frozen=True)
class Query:
    """
    One query that the name server received, and its answer.

    `monotonic` and `time` are seconds, of `time.monotonic` and `time.time`, at arrival. `name` is lower case without
    the final dot, `kind` the record type ("A", "AAAA", "TXT"), `protocol` "udp" or "tcp". `rcode` is "silent" where no
    answer was sent; `answer` is empty if it was truncated (TC).
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
    The name server of the environment. Changes take effect at the gateway's next query, so a behaviour waits for it.

    `queried_name` is the name that the gateway is pointed at.
    """

    @property
    def queried_name(self) -> str:
        """The name that the gateway is pointed at."""

    def publish(self, *, first: Sequence[str] = (), also: Sequence[str] = (), instead: bool = False) -> float:
        """List addresses: those in `first`, the replicas' unless `instead`, those in `also`; return when."""

    def unlist(self, replica: Any) -> float:  # noqa: ANN401, a replica of the same environment
        """Remove the record of a replica, which keeps running. Raises InconclusiveError if it has none."""

    def list_in_order(self, names: Sequence[str]) -> float:
        """List exactly the replicas of these names, in this order in every answer."""

    def list_a_dead_address(self) -> str:
        """List an address where nothing listens in addition to the replicas'; return it."""

    def list_only_a_dead_address(self) -> float:
        """Until `publish`, list one address where nothing listens instead of the replicas', which keep running."""

    def alias(self) -> float:
        """Answer that the name is an alias (CNAME) of an alias, whose name has the addresses."""

    def set_ttl(self, seconds: int) -> float:
        """Answer with records of this TTL instead of 0."""

    def publish_txt(self, text: str) -> float:
        """Make this the TXT record that holds a service config (gRFC A2); with "" there is none."""

    def fail(self, fault: str, *, kinds: Sequence[str] = ()) -> float:
        """Answer queries for the name with a fault of `FAULTS`, for these record types or all."""

    def heal(self) -> float:
        """Answer queries for the name correctly again."""

    def queries(self) -> list[Query]:
        """Return all queries of the gateway since it was started, of any type and name."""

    def address_queries(self, since: float) -> list[Query]:
        """Return the gateway's queries for addresses of the order service since a monotonic time."""

    def wait_for_query(self, since: float, within: float) -> Query | None:
        """Return the first query for addresses after `since`, None if none arrived within that many seconds of it."""

    def wait_for_txt_query(self, since: float, within: float) -> Query | None:
        """Return the first query for the TXT record after `since`, None if none arrived within that many seconds."""


class Peers(Protocol):
    """Endpoints that speak HTTP/2 by hand, listed in addition to the replicas or instead of them."""

    def start(self, steering: Steering, *, instead: bool = False) -> str:
        """Start a peer and list it in addition to the replicas, or instead of them; return its name."""

    def start_many(self, count: int, steering: Steering) -> list[str]:
        """Start so many peers and list them instead of the replicas; return their names."""

    def connections(self, names: Sequence[str]) -> dict[str, int]:
        """Return how many connections are open to each of these peers."""

    def steer(self, name: str, steering: Steering) -> float:
        """Change how a peer behaves from now on, and close the connections that it has not greeted; return when."""

    def silence(self, names: Sequence[str]) -> float:
        """Let the addresses of these killed replicas accept connections and stay silent; return when all do."""

    def frames(self, name: str) -> list[Frame]:
        """Return the frames that a peer logged, oldest first."""

    def wait_for_frame(self, name: str, frame: str, *, within: float) -> Frame:
        """Return the first frame of that kind that a peer logged. Raises InconclusiveError if there is none."""


class Listeners(Protocol):
    """Endpoints that accept connections and do no more than close them, stay silent, or greet once."""

    def start(self, count: int, script: Sequence[str] = ...) -> list[str]:
        """Listen at this many new addresses and list them in addition to the replicas; return them."""

    def wait_for_dials(self, count: int, within: float) -> dict[str, list[float]]:
        """Return when each listener was dialled (monotonic), at most `count` times, after `within` seconds at most."""

    def start_closing(self, count: int, *, instead: bool = False) -> list[str]:
        """List this many addresses that close every connection, in order, before the replicas or instead of them."""

    def dialled(self, since: float = 0.0) -> list[str]:
        """Return the closing addresses that were dialled since a monotonic time, in that order."""


class Proxy(Protocol):
    """A CONNECT proxy in the variables of every gateway that is started after it, but not for the replicas."""

    def start(self, *, alive: bool = True) -> str:
        """Start it and return its URL. It leads to the first replica, or closes every connection unless `alive`."""

    def tunnels(self) -> list[str]:
        """Return the targets of the CONNECT requests that the proxy received, in that order."""


class Channelz(Protocol):
    """What a gateway reports about itself over channelz (gRFC A14)."""

    def subchannels(self) -> list[Subchannel]:
        """Return its subchannels to the order service. Raises SubjectWrongError if it does not answer."""


class Process(Protocol):
    """The gateway's process on this machine."""

    def stop(self, within: float) -> float | None:
        """Send it SIGTERM; return when it was seen to have exited, None if it did not within so many seconds."""

    def resources(self) -> Resources:
        """Return what it uses now. Raises InconclusiveError where the kernel does not show it."""


class Direct(Protocol):
    """Calls of the suite's own, straight to the replicas."""

    def seconds(self, count: int) -> list[float]:
        """Call each replica so many times, serially; return the seconds of each. Raises InconclusiveError."""


class Streams(Protocol):
    """Streams of the gateway that stay open; each ends with the behaviour at the latest."""

    def open(self, count: int, *, plan: str, together: bool = False) -> list[str]:
        """Open streams, one by one or `together`; return their ids once each had a message, or ended."""

    def seen(self, ids: Sequence[str]) -> list[Stream]:
        """Return what their caller has seen of these streams so far."""

    def hang_up(self, ids: Sequence[str]) -> float:
        """Close the connections of these streams; return when."""


class Network(Protocol):
    """The network between gateway and replicas."""

    def cut(self, replica: Any) -> float:  # noqa: ANN401, a replica of the same environment
        """Drop all packets from and to a replica; return when."""


class Cluster(Protocol):
    """What only Kubernetes does with pods."""

    def take_readiness(self, replica: Any) -> float:  # noqa: ANN401, a replica of the same environment
        """Make a pod not ready; it keeps running, keeps its connections and is no longer listed."""

    def give_readiness(self, replica: Any) -> float:  # noqa: ANN401, likewise
        """Make a pod ready, and so listed, again."""

    def fail_probe(self, replica: Any) -> float:  # noqa: ANN401, likewise
        """Have the readiness probe of a pod that was started with PROBE_FAILURES answer 503: it is no longer listed."""

    def evict(self, replica: Any) -> float:  # noqa: ANN401, likewise
        """Have a pod evicted, as when its node is drained."""

    def deploy(self, *, faulty: bool = False) -> list[Any]:
        """Have a Deployment run as many replicas in addition to the existing ones, or one faulty; return them."""

    def deploy_instead(self) -> list[Any]:
        """Have a Deployment run the replicas instead of the suite; return them once only they are listed."""

    def roll_out(self) -> float:
        """Replace the pods of the Deployment according to its strategy; return when the last old one was removed."""

    def fresh_gateway_at_mapped_port(self) -> float:
        """Point a new gateway at a headless Service whose port is not the replicas', at the replicas' port."""
