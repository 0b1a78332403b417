"""The fixtures that behaviours take."""

from collections.abc import Iterator

import pytest

from tests.harness.collection import SUBJECT, Run
from tests.harness.environment import Environment, Measured, Replica
from tests.harness.orders import Orders
from tests.harness.outcome import evidence_file
from tests.harness.promises import Budgets, Promises


@pytest.fixture(scope="session")
def environment(request: pytest.FixtureRequest) -> Environment:
    """The system under judgement: a gateway in front of its order replicas."""
    run: Run = request.param
    running: Environment = request.getfixturevalue(run.environment)
    running.become(run.variant(request.config.stash[SUBJECT]))
    return running


@pytest.fixture
def restored(request: pytest.FixtureRequest, environment: Environment) -> Iterator[Environment]:
    """The environment in its full, ready state, whatever the behaviour before did to it; evidence is kept after."""
    environment.begin()
    mark = request.node.get_closest_marker("gateway")
    try:
        environment.restore(mark.kwargs if mark else {})
        if environment.unseen and request.node.get_closest_marker("given_spread_calls"):
            pytest.skip("its calls are not spread over the replicas to begin with, which distribution judges")
        yield environment
    finally:
        environment.complete_timeline()
        environment.timeline.write(evidence_file(request.node))


@pytest.fixture
def orders(restored: Environment) -> Orders:
    """A caller of the gateway."""
    return restored.orders()


@pytest.fixture
def replicas(restored: Environment) -> list[Replica]:
    """The order-service replicas, all ready."""
    return list(restored.replicas)


@pytest.fixture
def names(replicas: list[Replica]) -> list[str]:
    """What the replicas call themselves."""
    return [replica.name for replica in replicas]


@pytest.fixture
def promises(environment: Environment) -> Promises:
    """What the subject promises."""
    return environment.budgets.promises


@pytest.fixture
def budgets(environment: Environment) -> Budgets:
    """How long things may take, from what the subject promises."""
    return environment.budgets


@pytest.fixture
def measured(request: pytest.FixtureRequest) -> Measured:
    """Say in a few words what was measured; the table shows it whatever the verdict."""
    return lambda words: request.node.user_properties.append(("measured", words))
