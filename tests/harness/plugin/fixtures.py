"""The fixtures that behaviours take."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

import pytest

from tests.harness.evidence.recording import LEDGERS, RecordedEnvironment
from tests.harness.evidence.replay import ReplayedEnvironment
from tests.harness.plugin.outcome import evidence_file
from tests.harness.plugin.selection import SAVED, SUBJECT
from tests.harness.subject.promises import Budgets, Promises
from tests.harness.world.capabilities import Channelz, Cluster, Dns, Listeners, Network, Peers, Proxy
from tests.harness.world.environment import Environment, Measured
from tests.harness.world.ledgers import Ledgers
from tests.harness.world.orders import Orders
from tests.harness.world.replica import Replica

if TYPE_CHECKING:
    from tests.harness.plugin.runs import Run


@pytest.fixture(scope="session")
def environment(request: pytest.FixtureRequest) -> Environment:
    """The system under judgement: a gateway in front of its order replicas; in a replay, its recording."""
    run: Run = request.param
    variant = run.variant(request.config.stash[SUBJECT])
    saved = request.config.stash[SAVED]
    if saved:
        return cast("Environment", ReplayedEnvironment(saved, run.environment, variant.subject.promises))
    running: Environment = request.getfixturevalue(run.environment)
    running.become(variant)
    return cast("Environment", RecordedEnvironment(running))


@pytest.fixture
def restored(request: pytest.FixtureRequest, environment: Environment) -> Iterator[Environment]:
    """The environment in its full, ready state, no matter what the last behaviour did; evidence is kept afterwards."""
    world = cast("RecordedEnvironment | ReplayedEnvironment", environment)
    mark = request.node.get_closest_marker("gateway")
    try:
        world.begin(request.node)
        # passed only if it differs: recordings made before the mark existed can still be replayed
        settling = {"once_served": True} if request.node.get_closest_marker("settles_when_served") else {}
        environment.restore(mark.kwargs if mark else {}, **settling)
        if environment.unseen and request.node.get_closest_marker("given_spread_calls"):
            pytest.skip("calls are not spread over the replicas in the first place; the theme distribution judges that")
        yield environment
    finally:
        world.keep(evidence_file(request.node))


@pytest.fixture
def orders(restored: Environment) -> Orders:
    """A caller of the gateway."""
    return restored.orders()


@pytest.fixture
def replicas(restored: Environment) -> list[Replica]:
    """The order-service replicas, all ready."""
    return list(restored.replicas)


@pytest.fixture
def ledgers(restored: Environment) -> Ledgers:
    """The ledgers of all replicas, read up to fences."""
    return cast("Ledgers", _part(restored, LEDGERS))


@pytest.fixture
def dns(restored: Environment) -> Dns:
    """The name server, if it is ours."""
    return cast("Dns", _part(restored, "dns"))


@pytest.fixture
def peers(restored: Environment) -> Peers:
    """Hand-written HTTP/2 peers in place of replicas."""
    return cast("Peers", _part(restored, "peers"))


@pytest.fixture
def listeners(restored: Environment) -> Listeners:
    """Listeners in place of replicas."""
    return cast("Listeners", _part(restored, "listeners"))


@pytest.fixture
def proxy(restored: Environment) -> Proxy:
    """The proxy in the gateway's environment variables."""
    return cast("Proxy", _part(restored, "proxy"))


@pytest.fixture
def channelz(restored: Environment) -> Channelz:
    """What the gateway reports about itself over channelz."""
    return cast("Channelz", _part(restored, "channelz"))


@pytest.fixture
def network(restored: Environment) -> Network:
    """The network between gateway and replicas."""
    return cast("Network", _part(restored, "network"))


@pytest.fixture
def cluster(restored: Environment) -> Cluster:
    """What only Kubernetes does with pods."""
    return cast("Cluster", _part(restored, "cluster"))


def _part(environment: Environment, name: str) -> object:
    return cast("RecordedEnvironment | ReplayedEnvironment", environment).capability(name)


@pytest.fixture
def names(replicas: list[Replica]) -> list[str]:
    """The names of the replicas."""
    return [replica.name for replica in replicas]


@pytest.fixture
def promises(restored: Environment) -> Promises:
    """What the subject promises."""
    return restored.budgets.promises


@pytest.fixture
def budgets(restored: Environment) -> Budgets:
    """How long things may take, derived from what the subject promises."""
    return restored.budgets


@pytest.fixture
def measured(request: pytest.FixtureRequest) -> Measured:
    """Takes what was measured, in a few words, and its bound; the report shows both regardless of the verdict."""

    def _say(words: str, *, bound: str = "") -> None:
        others = [item for item in request.node.user_properties if item[0] not in {"measured", "bound"}]
        request.node.user_properties[:] = [*others, ("measured", words), ("bound", bound)]

    return _say
