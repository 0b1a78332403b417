"""A proxy in the environment does not come between the gateway and a name that is excepted from it."""

import pytest

from tests.behaviours.proxies.mutants import EXCEPTS_ADDRESSES, NO_EXCEPTION
from tests.harness.judges.recovery import recovery
from tests.harness.subject.promises import Budgets
from tests.harness.world.environment import Measured
from tests.harness.world.orders import Orders
from tests.loopback.environment import LoopbackEnvironment

pytestmark = [
    pytest.mark.extended,
    pytest.mark.promised("round_robin"),
    pytest.mark.given_spread_calls,
    pytest.mark.only_in("loopback", reason="only there is the proxy ours: it notes what it is asked for"),
]


@pytest.mark.claims(
    "F07", source="gRPC doc/environment_variables.md, http_proxy, no_proxy; gRPC C-core http_proxy_mapper.cc"
)
@pytest.mark.catches(EXCEPTS_ADDRESSES)
def test_a_proxy_carries_no_call_to_an_excepted_name(
    orders: Orders, environment: LoopbackEnvironment, names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """With the order service in no_proxy nothing goes through a live proxy, which would lead to one replica."""
    environment.set_proxy()
    environment.fresh_gateway()
    first = orders.place()
    tunnels = environment.tunnels()
    measured(f"the proxy was asked for {tunnels}", bound="nothing")
    assert not tunnels
    with orders.load() as load:
        spread = recovery(load, since=load.started, over=names, within=budgets.reconnect)
    tunnels = environment.tunnels()
    measured(f"the proxy was asked for {tunnels or 'nothing'}; {spread}", bound="for nothing, none fails")

    assert not tunnels
    assert not first.failed + load.block().failed


@pytest.mark.claims(
    "F07", source="gRPC doc/environment_variables.md, http_proxy, no_proxy; gRPC C-core http_proxy_mapper.cc"
)
@pytest.mark.catches(NO_EXCEPTION)
def test_a_broken_proxy_fails_no_call_to_an_excepted_name(
    orders: Orders, environment: LoopbackEnvironment, names: list[str], measured: Measured
) -> None:
    """With the order service in no_proxy a proxy that closes every connection costs no call."""
    environment.set_proxy(alive=False)
    environment.fresh_gateway()
    block = orders.place(2 * len(names))
    tunnels = environment.tunnels()
    measured(f"failed {len(block.failed)}, the proxy was asked {len(tunnels)} times", bound="none fails, never asked")

    assert not tunnels
    assert not block.failed
