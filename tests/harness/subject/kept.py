"""What a report keeps of a subject's own request and service: a replay judges, and explains, by that."""

from collections.abc import Mapping
from typing import Any

from tests.harness.subject.backend import Backend
from tests.harness.subject.call import Call
from tests.harness.subject.fronts import ByItself, Front, Lines, Rpc
from tests.harness.subject.service import Answered, Service
from tests.harness.subject.subject import Subject

FRONTS: Mapping[str, Front] = {"http": Call(), "grpc": Rpc(""), "stdio": Lines(), "self": ByItself()}


def kept(subject: Subject) -> dict[str, Any]:
    """Return it as members of JSON."""
    return {
        "front": subject.call.front if subject.call else None,
        "service": subject.service.judged.method if subject.service else None,
        "stream": subject.stream is not None,
        "ready": subject.ready,
        "dials": subject.backend.name,
        "tls": subject.backend.tls,
    }


def of_kept(members: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return arguments of a `Subject` with the same.

    Older reports have none of these members, and mean the contract's request and service. Raises KeyError for a front
    that this version does not know.
    """
    front, service = members.get("front"), members.get("service")
    return {
        "call": None if front is None else FRONTS[front],
        "service": None if service is None else Service(Answered(service)),
        "stream": Call(path="/streams/{id}") if members.get("stream") else None,
        "ready": members.get("ready", ""),
        "backend": Backend(name=members.get("dials", Backend.name), tls=members.get("tls", "")),
    }
