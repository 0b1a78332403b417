"""How far a subject came that called no replica: what to look at first, where nothing else is known of it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from tests.harness.world.ledgers import Ledgers

if TYPE_CHECKING:
    from tests.harness.world.capabilities import Dns

ANSWERED = "the probing call was answered, and no replica was called"

ADDRESSES = ("A", "AAAA")

MOST = 3
"""Names in a message."""


def how_far(capabilities: Mapping[str, object], ledgers: Ledgers, since: float, target: str) -> str:
    """
    Return how far a subject came on its way to a replica, from DNS to a call, and what to look at first.

    `capabilities` has "dns" where its queries can be seen, `since` is when it was about to start, and `target` what the
    subject file calls its target.
    """
    dns = cast("Dns | None", capabilities.get("dns"))
    if ledgers.connections(since):
        return (
            "it connected to a replica and sent no call: is its channel as [service] tls has it, plaintext by default, "
            "and does this request need a call?"
        )
    if dns is None:
        return f"it connected to no replica: does it dial {target}?"
    names = sorted({query.name for query in dns.queries() if query.kind in ADDRESSES})
    if dns.queried_name in names:
        return f"it resolved {dns.queried_name} and connected to no replica: does it dial {target} with its port?"
    if names:
        return (
            f"it queried our name server for {', '.join(names[:MOST])}, not for {dns.queried_name}: "
            f"does it dial {target} as it is?"
        )
    return f"it never queried our name server: does it dial {target}?"
