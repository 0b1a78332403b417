"""What DNS may do to a gateway in a history made by hand."""

from tests.unit.helpers.story import Story

CLOSE = "CLOSE@a"


def answered(story: Story, at: float, *answer: str, rcode: str = "NOERROR", protocol: str = "udp") -> Story:
    """Let the gateway query, and return this answer."""
    known = {"name": "order-service", "kind": "A", "rcode": rcode, "protocol": protocol}
    return story.event(at, "dns query", answer=list(answer), **known)


def cut(story: Story, at: float) -> Story:
    """Let a close the connection of a call, which b then answers."""
    return story.call(at, "a:HANG", "b", plan=CLOSE)
