"""A proxy in the environment carries no traffic for a name in no_proxy."""

import pytest

from tests.behaviours.proxies.mutants import EXCEPTS_ADDRESSES, NO_EXCEPTION
from tests.harness.behaviour import Budgets, Environment, Measured, Orders, Proxy, recovery, waiting_faults

pytestmark = [
    pytest.mark.extended,
    pytest.mark.promised("round_robin"),
    pytest.mark.given_spread_calls,
]


@pytest.mark.claims(
    "F07", source="gRPC doc/environment_variables.md, http_proxy, no_proxy; gRPC C-core http_proxy_mapper.cc"
)
@pytest.mark.catches(EXCEPTS_ADDRESSES)
def test_a_name_in_no_proxy_bypasses_the_proxy(
    orders: Orders, environment: Environment, proxy: Proxy, names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """With the order service in no_proxy no traffic goes through a live proxy, which would lead to one replica."""
    proxy.start()
    environment.fresh_gateway()
    first = orders.place()
    tunnels = proxy.tunnels()
    measured(f"tunnels opened through the proxy: {tunnels or 'none'}", bound="none")
    assert not tunnels
    with orders.load() as load:
        spread = recovery(load, since=load.started, over=names, within=budgets.reconnect, outage=True)
    tunnels = proxy.tunnels()
    measured(f"tunnels opened through the proxy: {tunnels or 'none'}; {spread}", bound="none; no failures")

    assert not tunnels
    block = load.block()
    assert not first.failed + block.failed
    assert not waiting_faults(block, budgets, spread)


@pytest.mark.claims(
    "F07", source="gRPC doc/environment_variables.md, http_proxy, no_proxy; gRPC C-core http_proxy_mapper.cc"
)
@pytest.mark.catches(NO_EXCEPTION)
def test_a_broken_proxy_fails_no_calls_to_a_name_in_no_proxy(
    orders: Orders, environment: Environment, proxy: Proxy, names: list[str], measured: Measured
) -> None:
    """With the order service in no_proxy a proxy that closes every connection fails no calls."""
    proxy.start(alive=False)
    environment.fresh_gateway()
    block = orders.place(2 * len(names))
    tunnels = proxy.tunnels()
    measured(
        f"{len(block.failed)} of {len(block.replies)} calls failed, {len(tunnels)} requests to the proxy",
        bound="no failures, no requests",
    )

    assert not tunnels
    assert not block.failed
