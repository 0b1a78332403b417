"""
What the gRPC library of a gateway reports in the gateway's output: with `library_log = true`, or where it does anyway.

Read are connectivity states of channels and subchannels, lists that a resolver delivered, and new pickers. Each library
has a format that none of its versions promises to keep: a line that is not recognised is left out, and no judge, check
or cause looks at what is read here. It is drawn, so that a reader sees when the library knew what.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace

from tests.harness.world.output import Line
from tests.harness.world.timeline import Timeline

LIBRARY = "library"
"""The event of a timeline for what was read."""

_STATES = "(IDLE|CONNECTING|READY|TRANSIENT_FAILURE|SHUTDOWN)"
_SUBCHANNELS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"SubChannel #(?P<id>\d+)\] ?Subchannel Connectivity change to (?P<state>{_STATES})",
        rf"connectivity change .*\bsubchannel (?P<id>0x[0-9a-f]+) .*\bstate=(?P<state>{_STATES})\b",
        rf"\| subchannel \| (?:\((?P<id>\d+)\) )?(?P<address>\S+) {_STATES} -> (?P<state>{_STATES})",
        rf"\[Subchannel<(?P<id>\d+)>: \(\[+/?(?P<address>[^\[\]/]+)\].*\] (?:Entering )?(?P<state>{_STATES})\b",
    )
)
_ADDRESSES = tuple(
    re.compile(pattern)
    for pattern in (
        r'SubChannel #(?P<id>\d+)\] ?Subchannel picks a new address "(?P<address>[^"]+)"',
        r"\bsubchannel (?P<id>0x[0-9a-f]+) \{address=(?:ipv[46]:)?(?P<address>[^,}]+)",
    )
)
_OTHERS = tuple(
    (of, re.compile(pattern))
    for of, pattern in (
        ("picker", rf"chand=0x[0-9a-f]+: update: state=(?P<state>{_STATES}) .*\bpicker="),
        ("picker", rf"\[Channel<\d+>: .*\] Entering (?P<state>{_STATES}) state with picker"),
        ("channel", rf"\[Channel #\d+\] ?Channel Connectivity change to (?P<state>{_STATES})"),
        ("channel", rf"\| connectivity_state \| (?:\(\d+\) )?\S+ {_STATES} -> (?P<state>{_STATES})"),
        ("resolver", r"\[Channel #\d+\] ?Resolver state updated"),
        ("resolver", r"chand=0x[0-9a-f]+: got resolver result"),
        ("resolver", r"\| dns_resolver \| Resolved addresses for target"),
        ("resolver", r"\[Channel<\d+>: .*\] (?:Resolved address|Address resolved)"),
    )
)


@dataclass(frozen=True)
class Reported:
    """
    What a library reported: a new `state` of a "channel" or "subchannel", a "picker" for one, or a "resolver" a list.

    `address` is that of a subchannel, "" where it is not known.
    """

    of: str
    state: str = ""
    address: str = ""


def reported(texts: Iterable[str]) -> list[Reported | None]:
    """Return what each line of a gateway's output reports, None for one that reports nothing that is known."""
    found: list[Reported | None] = []
    addresses: dict[str, str] = {}
    waiting: dict[str, list[int]] = {}
    for number, text in enumerate(texts):
        for match in filter(None, (pattern.search(text) for pattern in _ADDRESSES)):
            addresses[match["id"]] = match["address"]
            for index in waiting.pop(match["id"], ()):  # its first state comes before its address
                if earlier := found[index]:
                    found[index] = replace(earlier, address=match["address"])
        line, subchannel = _of_line(text)
        if line and subchannel and not line.address:
            line = replace(line, address=addresses.get(subchannel, ""))
            if not line.address:
                waiting.setdefault(subchannel, []).append(number)
        found.append(line)
    return found


def _of_line(text: str) -> tuple[Reported | None, str]:
    """Return what a line reports, and of which subchannel, "" if of none."""
    for pattern in _SUBCHANNELS:
        if match := pattern.search(text):
            groups = match.groupdict()
            return Reported("subchannel", match["state"], groups.get("address") or ""), match["id"] or ""
    for of, pattern in _OTHERS:
        if match := pattern.search(text):
            return Reported(of, match.groupdict().get("state") or ""), ""
    return None, ""


def keep_output(timeline: Timeline, lines: Iterable[Line], replicas: Mapping[str, str]) -> None:
    """Add the gateway's output to a timeline, and what its library reports in it; `replicas` are names by address."""
    kept = list(lines)
    for line in kept:
        members: dict[str, object] = {"left_out": line.left_out} if line.left_out else {}
        timeline.record("gateway log", line.at, stream=line.stream, line=line.text, **members)
    for line, found in zip(kept, reported(line.text for line in kept), strict=True):
        if found:
            members = {"replica": replicas[found.address]} if found.address in replicas else {}
            timeline.record(LIBRARY, line.at, **asdict(found), **members)
