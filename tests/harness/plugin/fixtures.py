"""The fixtures that behaviours take."""

import random
from collections.abc import Generator, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import pytest

from tests.harness.evidence.recording import LEDGERS, RecordedEnvironment, add_death
from tests.harness.evidence.replay import ReplayedEnvironment
from tests.harness.plugin.outcome import evidence_file, is_dead
from tests.harness.plugin.results import LATE
from tests.harness.plugin.selected import CORRELATION
from tests.harness.plugin.selection import SAVED, SUBJECT, run_of
from tests.harness.subject.promises import Budgets, Promises
from tests.harness.subject.subject import Subject
from tests.harness.world.capabilities import (
    Channelz,
    Cluster,
    Direct,
    Dns,
    Listeners,
    Measured,
    Network,
    Peers,
    Process,
    Proxy,
    Streams,
)
from tests.harness.world.correlation import why_not_judged
from tests.harness.world.environment import Environment
from tests.harness.world.ledgers import Ledgers
from tests.harness.world.orders import Orders
from tests.harness.world.overtime import measure_with
from tests.harness.world.replica import Replica
from tests.harness.world.verdict import NotJudgedError, SubjectDiedError

if TYPE_CHECKING:
    from tests.harness.plugin.runs import Run

_LAST = pytest.StashKey[dict[str, pytest.Item]]()
"""The last behaviour in each environment."""


def pytest_configure(config: pytest.Config) -> None:
    """Have none yet."""
    config.stash[_LAST] = {}


def _note_death(config: pytest.Config, environment: str, message: str) -> None:
    """Hold against the last behaviour that the gateway exited after it; its report has been made by then."""
    item = config.stash[_LAST][environment]
    config.stash[LATE].append((item.nodeid.partition("@")[0], message))  # xdist adds @group
    add_death(evidence_file(item), SubjectDiedError(message))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, None, None]:
    """Skip the rest of a behaviour that the subject does not show what it needs for."""
    try:
        return (yield)
    except NotJudgedError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def environment(request: pytest.FixtureRequest) -> Environment:
    """The system under judgement: a gateway in front of its order replicas; in a replay, its recording."""
    run: Run = request.param
    variant = run.variant(request.config.stash[SUBJECT])
    saved = request.config.stash[SAVED]
    if saved:
        return cast("Environment", ReplayedEnvironment(saved, run.environment, variant.subject.promises))
    running: Environment = request.getfixturevalue(run.environment)
    running.seed = request.config.getoption("--seed")
    running.seat.accuse = partial(_note_death, request.config, run.environment)
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
        how: dict[str, Any] = {}
        if request.node.get_closest_marker("settles_when_served"):
            how["once_served"] = True
        if _is_judged_by_arrivals(request):
            how["by_arrivals"] = True
        if over_tls := request.node.get_closest_marker("over_tls"):
            how["over_tls"] = over_tls.args[0]
        try:
            environment.restore(mark.kwargs if mark else {}, **how)
        finally:
            request.config.stash[_LAST][world.name] = request.node
        run = run_of(request.node)
        if run is not None and run.mutant:
            measure_with(None)  # no busy machine excuses what it does, so none of the waits for that continues
        _skip_what_calls_do_not_show(request, environment)
        if environment.unseen and request.node.get_closest_marker("given_spread_calls"):
            pytest.skip("calls are not spread over the replicas in the first place; the theme distribution judges that")
        yield environment
        if not is_dead(request.node):
            world.check_end()
    finally:
        world.keep(evidence_file(request.node))


def _subject_of(request: pytest.FixtureRequest) -> Subject:
    """Return what a behaviour runs against."""
    run = run_of(request.node)
    subject: Subject = request.config.stash[SUBJECT]
    return run.variant(subject).subject if run else subject


def _is_judged_by_arrivals(request: pytest.FixtureRequest) -> bool:
    """Say whether what arrives is enough for a behaviour, of a subject whose calls may be known by just that."""
    subject = _subject_of(request)
    by_arrivals = request.node.get_closest_marker("by_arrivals") is not None
    return by_arrivals and subject.is_its_own and subject.front != "self"


def _skip_what_calls_do_not_show(request: pytest.FixtureRequest, environment: Environment) -> None:
    """Skip a behaviour that needs more than the calls of a subject with its own request or service show."""
    run, subject = run_of(request.node), _subject_of(request)
    if not subject.is_its_own:
        return
    found = environment.correlation
    if run and not run.instead:
        request.config.stash[CORRELATION] = found
    features = [name for mark in request.node.iter_markers("feature") for name in mark.args]
    if reason := why_not_judged(found, subject, features, by_arrivals=_is_judged_by_arrivals(request)):
        pytest.skip(reason)


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
def process(restored: Environment) -> Process:
    """The gateway's process on this machine."""
    return cast("Process", _part(restored, "process"))


@pytest.fixture
def direct(restored: Environment) -> Direct:
    """Calls straight to the replicas."""
    return cast("Direct", _part(restored, "direct"))


@pytest.fixture
def streams(restored: Environment) -> Streams:
    """Streams of the gateway that stay open."""
    return cast("Streams", _part(restored, "streams"))


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
def struck(request: pytest.FixtureRequest, restored: Environment, replicas: list[Replica]) -> Replica:
    """The replica that a fault hits: any of them, by the run's seed and the name of the behaviour."""
    by = f"{restored.seed} {request.node.originalname}"
    return random.Random(by).choice(replicas)  # noqa: S311, no secret


@pytest.fixture
def others(names: list[str], struck: Replica) -> list[str]:
    """The names of the replicas that no fault hits."""
    return [name for name in names if name != struck.name]


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
