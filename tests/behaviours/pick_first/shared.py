"""Shared by the behaviours of pick_first: who served first, and a list that changes while it is connected."""

from tests.harness.behaviour import Block, Dns, Environment, InconclusiveError, Orders

INTERVAL = 1.0
"""Seconds between two DNS queries, for behaviours that change the list before the second query."""

EYEBALLS = 0.25
"""Seconds that an address has before the next one is tried in parallel; the default of gRPC."""


def served_by_the_first(block: Block, name: str) -> bool:
    """
    Return whether this replica, the first that accepts connections, served every call.

    Raises InconclusiveError if connecting took so long that another replica was rightly tried in parallel.
    """
    others = set(block.served) - {name}
    if others and not block.failed and block.replies[0].seconds >= EYEBALLS:
        raise InconclusiveError(f"the first call took {block.replies[0].seconds:.2f} s, long enough for Happy Eyeballs")
    return not others


def relisted(
    orders: Orders, environment: Environment, dns: Dns, names: list[str], *, kept: bool
) -> tuple[str | None, float | None]:
    """
    List the replicas with the connected one last, or without it; return its name and when the gateway re-resolved.

    A connection lost within the minimum re-resolution interval causes a query once the interval has passed, with the
    next connection open. The time is None if the gateway did not query DNS.
    """
    dns.list_in_order(names)
    started = environment.fresh_gateway()
    orders.place()
    for _ in range(5):
        (lost,) = orders.place(plan="CLOSE,OK").replies
        queries = dns.address_queries(since=started)
        if not queries or queries[-1].monotonic < lost.sent:
            break
    others = [name for name in names if name != lost.served_by]
    listed = dns.list_in_order([*others, *(name for name in names if kept and name not in others)])
    if queries and listed >= queries[-1].monotonic + INTERVAL:
        raise InconclusiveError("the list was changed too late: the gateway may have queried DNS before")
    query = dns.wait_for_query(since=listed, within=INTERVAL + environment.budgets.slack)
    return lost.served_by, query.monotonic if query else None
