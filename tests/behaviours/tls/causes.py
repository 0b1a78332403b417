"""Why a gateway over TLS has no connection, or one that it should not have."""

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any

from services.order.front import NO_CERTIFICATE, NO_H2, PLAINTEXT
from services.order.tls import NEVER as NEVER_ENDS
from tests.harness.causes.case import Case, Finding, certain, likely, many
from tests.harness.causes.rules import general
from tests.harness.world.certificates import ANOTHER_CA, CERTIFICATE, EXPIRED, HANDSHAKE, RENEWED, WRONG_NAME
from tests.harness.world.handshakes import NEVER

OUTCOMES = {
    PLAINTEXT: ("plaintext_to_tls", "it began with an HTTP/2 preface in plaintext"),
    NO_H2: ("no_alpn", "it offered no h2 over ALPN"),
    NO_CERTIFICATE: ("no_client_certificate", "it presented no certificate, which the replica demands"),
    "certificate verify failed": (
        "client_certificate_not_accepted",
        "it presented a certificate that is not of the replicas' authority",
    ),
}
"""The causes that the outcome of a handshake proves, and what was seen."""

IMPOSTORS = {
    EXPIRED: ("certificate_not_verified", "an expired certificate"),
    ANOTHER_CA: ("certificate_not_verified", "a certificate of an unknown authority"),
    WRONG_NAME: ("name_not_verified", "the certificate of another service"),
}


@general(101)
def never_connected(case: Case) -> Finding | None:
    """
    No handshake was ever completed: what the most frequent one lacks.

    >>> name = {"server_name": "inventory", "protocols": ["h2"], "outcome": "alert: bad certificate", "count": 3}
    >>> story = Story().event(0.5, "never connected", name="order-service", handshakes=[name])
    >>> never_connected(story.case()).suspects
    ('wrong_server_name',)
    >>> never_connected(Story().call(1.1, "a").case()) is None
    True
    """
    events = case.history.of_kind(NEVER)
    if not events:
        return None
    name, kind = events[0].members["name"], events[0].members["handshakes"][0]
    tried = f"{many(kind['count'], 'handshake')} ended alike, and none was completed"
    if kind["outcome"] in OUTCOMES:
        cause, seen = OUTCOMES[kind["outcome"]]
        return certain(cause, f"{tried}: {seen}", "the replicas recorded how each handshake ended")
    if _is_no_name(kind["server_name"]):
        return certain("no_server_name", f"{tried}: {_asked(kind)}", f"the service is called {name!r}")
    if kind["server_name"] != name:
        return certain("wrong_server_name", f"{tried}: {_asked(kind)}", f"the service is called {name!r}")
    if not kind["protocols"]:
        return certain("no_alpn", f"{tried}: it offered no protocol over ALPN", "the replicas recorded what it offered")
    seen = f"{tried}: {_asked(kind)}, which is right, and it ends: {kind['outcome']}"
    return likely(
        "authority_not_trusted",
        seen,
        "the certificate is valid for that name; a client that verifies another name than it sends would look the same",
    )


def server_name(case: Case) -> Finding | None:
    """
    Handshakes were completed, and sent no name.

    >>> seen = {"replica": "a", "peer": "p", "protocols": ["h2"], "outcome": "completed"}
    >>> server_name(Story().event(1.1, "replica handshake", server_name="", **seen).case()).suspects
    ('no_server_name',)
    >>> server_name(Story().event(1.1, "replica handshake", server_name="order-service", **seen).case()) is None
    True
    """
    events = case.history.of_kind("replica handshake")
    wrong = [event for event in events if _is_no_name(event.members["server_name"])]
    if not wrong:
        return None
    seen = f"{len(wrong)} of {many(len(events), 'handshake')}: {_asked(wrong[0].members)}"
    return certain("no_server_name", seen, "the replicas recorded what each handshake sent")


def impostor(case: Case) -> Finding | None:
    """
    Calls reached a replica that could not prove to be the service.

    >>> story = Story().verb(1.1, "start", "a", TLS_CERTIFICATE="expired").call(1.5, "a")
    >>> impostor(story.case()).suspects
    ('certificate_not_verified',)
    >>> impostor(Story().verb(1.1, "start", "a", TLS_CERTIFICATE="expired").call(1.5, "b").case()) is None
    True
    """
    for start in case.faults_of("start"):
        faulty = IMPOSTORS.get(start.members.get(CERTIFICATE, ""))
        if start.members.get(HANDSHAKE):
            faulty = ("alpn_not_verified", "no protocol selected over ALPN")
        reached = [attempt for attempt in case.attempts if attempt.replica == start.on and attempt.at > start.asked]
        if faulty and reached:
            seen = f"{many(len(reached), 'call')} reached {start.on}, which returned with {faulty[1]}"
            return certain(faulty[0], seen, "the replica's ledger has these calls")
    return None


def waits_for_a_handshake(case: Case) -> Finding | None:
    """
    Calls failed and reached no replica, while one answers no handshake and the others were served.

    >>> story = Story().verb(1.1, "start", "a", TLS_HANDSHAKE="never").call(1.5, "b").call(1.6, code="UNAVAILABLE")
    >>> waits_for_a_handshake(story.case()).suspects
    ('picks_unconnected_replicas',)
    >>> waits_for_a_handshake(Story().verb(1.1, "start", "a", TLS_HANDSHAKE="never").call(1.5, "b").case()) is None
    True
    """
    for start in case.faults_of("start"):
        since = [call for call in case.calls if call.sent > (start.confirmed or start.asked)]
        lost = [call for call in since if not call.ok and not call.attempts]
        if start.members.get(HANDSHAKE) == NEVER_ENDS and lost and any(call.ok for call in since):
            seen = f"{many(len(lost), 'call')} of {len(since)} failed and reached no replica, as {start.on} answers no "
            seen += "handshake; the others were served"
            return certain("picks_unconnected_replicas", seen, "other replicas were connected all the time")
    return None


def pinned(case: Case) -> Finding | None:
    """
    A replica returned with another certificate; it was dialled, and no handshake with it was used.

    >>> refused = {"peer": "p", "server_name": "order-service", "protocols": ["h2"], "outcome": "closed"}
    >>> story = Story().verb(1.1, "start", "a", TLS_CERTIFICATE="renewed").call(1.5, "b")
    >>> pinned(story.event(1.6, "replica handshake", replica="a", **refused).case()).suspects
    ('certificate_pinned',)
    >>> pinned(Story().verb(1.1, "start", "a", TLS_CERTIFICATE="renewed").call(1.5, "a").case()) is None
    True
    """
    for start in case.faults_of("start"):
        since = start.confirmed or start.asked
        dials = [e for e in case.history.of_kind("replica handshake") if e.at > start.asked]
        dials = [event for event in dials if event.members["replica"] == start.on]
        used = [attempt for attempt in case.attempts if attempt.replica == start.on and attempt.at > since]
        if start.members.get(CERTIFICATE) == RENEWED and dials and not used:
            seen = f"{start.on} returned with a renewed certificate, was dialled {len(dials)} times, and got no call"
            return certain(
                "certificate_pinned", seen, "the certificate is of the same authority, and for the same name"
            )
    return None


def _is_no_name(server_name: str) -> bool:
    """Say whether there is no name, or an address in its place, with or without a port."""
    return not server_name or any(map(_is_address, (server_name, server_name.rpartition(":")[0].strip("[]"))))


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _asked(kind: Mapping[str, Any]) -> str:
    name = kind["server_name"]
    return f"it sent the server name {name!r}" if name else "it sent no server name"
