"""The rule for calls that a proxy leads."""

from tests.behaviours.proxies import causes as proxies
from tests.unit.helpers.story import Story, suspects


def test_a_proxy_that_is_used_carries_the_calls() -> None:
    """It noted for what, and all calls reached one replica."""
    story = Story().event(1.1, "proxy tunnel", wanted="order-service:5000").calls(1.2, "a", "a", "a")
    finding = proxies.routed_through_proxy(story.case())

    assert suspects(finding) == ("routed_through_proxy",)
    assert finding is not None
    assert finding.seen == (
        "the proxy from the environment received 1 request for order-service:5000, and 3 calls reached 1 replica"
    )


def test_a_broken_proxy_that_is_used_is_why_calls_fail() -> None:
    """Nothing reaches a replica."""
    story = Story().event(1.1, "proxy tunnel", wanted="order-service:5000").call(1.1, code="UNAVAILABLE")

    assert suspects(proxies.routed_through_proxy(story.case())) == ("routed_through_proxy",)


def test_a_proxy_that_nobody_or_another_gateway_used_carries_none() -> None:
    """Calls that all go to one replica have other causes."""
    alone = Story().verb(1.0, "set a proxy", "gateway").calls(1.2, "a", "a", "a")

    assert proxies.routed_through_proxy(alone.case()) is None
    earlier = Story().event(1.1, "proxy tunnel", wanted="order-service:5000").verb(1.5, "fresh gateway", "gateway")
    assert proxies.routed_through_proxy(earlier.calls(2.0, "a", "b", "c").case()) is None
