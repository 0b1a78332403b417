"""What gRPC libraries report in a gateway's output is read; what is written differently is left out."""

import pytest

from tests.harness.evidence.history import History
from tests.harness.report.html.figures import reports, subchannels
from tests.harness.world.library_log import Reported, keep_output, reported
from tests.harness.world.output import Line
from tests.harness.world.timeline import Timeline

GO = """\
2026/11/29 09:41:24 INFO: [core] [Channel #2] Channel Connectivity change to CONNECTING
2026/11/29 09:41:24 INFO: [core] [Channel #2] Resolver state updated: {
2026/11/29 09:41:24 INFO: [core] [Channel #2 SubChannel #4] Subchannel Connectivity change to CONNECTING
2026/11/29 09:41:24 INFO: [core] [Channel #2 SubChannel #4] Subchannel picks a new address "127.0.0.2:5000" to connect
2026/11/29 09:41:24 INFO: [core] [Channel #2 SubChannel #4] Subchannel Connectivity change to TRANSIENT_FAILURE, last
"""
C_CORE = """\
I1129 09:41:47 1 client_channel_filter.cc:1156] chand=0x55d: got resolver result
I1129 09:41:47 1 subchannel.cc:1046] subchannel 0x7f1 {address=ipv4:127.0.0.2:5000, args={}}: created
I1129 09:41:47 1 client_channel_filter.cc:598] chand=0x55d: processing connectivity change in work serializer for \
subchannel wrapper 0x7f5 subchannel 0x7f1 watcher=0x7f7 state=CONNECTING status=OK
I1129 09:41:47 1 client_channel_filter.cc:898] chand=0x55d: update: state=READY status=(OK) picker=0x7f9
"""
NODE = """\
D 2026-11-29T09:41:24.000Z | v1.14.7 1 | dns_resolver | Resolved addresses for target dns:order-service:5000: [a]
D 2026-11-29T09:41:24.000Z | v1.14.7 1 | subchannel | (3) 127.0.0.2:5000 IDLE -> CONNECTING
D 2026-11-29T09:41:24.000Z | v1.14.7 1 | connectivity_state | (1) dns:order-service:5000 CONNECTING -> READY
"""
JAVA = """\
FINE: [Channel<1>: (dns:///order-service:5000)] Resolved address: [], config=null
FINE: [Subchannel<3>: ([[[/127.0.0.2:5000]/{}]])] CONNECTING after backoff
FINE: [Channel<1>: (dns:///order-service:5000)] Entering READY state with picker: ReadyPicker{}
"""
CONNECTING = Reported("subchannel", "CONNECTING", "127.0.0.2:5000")
RESOLVER = Reported("resolver")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            GO,
            [
                Reported("channel", "CONNECTING"),
                RESOLVER,
                CONNECTING,  # its address comes after it
                Reported("subchannel", "TRANSIENT_FAILURE", "127.0.0.2:5000"),
            ],
        ),
        (C_CORE, [RESOLVER, CONNECTING, Reported("picker", "READY")]),
        (NODE, [RESOLVER, CONNECTING, Reported("channel", "READY")]),
        (JAVA, [RESOLVER, CONNECTING, Reported("picker", "READY")]),
    ],
    ids=["go", "c-core", "node", "java"],
)
def test_each_library_is_read(text: str, found: list[Reported]) -> None:
    """States, lists of addresses and pickers, in the order of the lines."""
    assert [line for line in reported(text.splitlines()) if line] == found


@pytest.mark.parametrize(
    "line",
    [
        "",
        "orders on 127.0.0.1:4000",
        "[Channel #2 SubChannel #4] Subchannel is now CONNECTING",
        "subchannel READY",
    ],
)
def test_a_line_in_another_format_is_left_out(line: str) -> None:
    """A library that changes its words takes nothing away but its own marks."""
    assert reported([line]) == [None]


def test_it_is_kept_in_the_timeline_and_figures() -> None:
    """A subchannel's states follow each other at its replica; an address that is no replica's has none."""
    timeline, words = Timeline(), "[Channel #2 SubChannel #4] Subchannel"
    lines = [
        Line(timeline.began + 1.0, "stderr", f'{words} picks a new address "127.0.0.2:5000" to connect'),
        Line(timeline.began + 1.0, "stderr", f"{words} Connectivity change to CONNECTING"),
        Line(timeline.began + 2.0, "stderr", f"{words} Connectivity change to READY"),
        Line(timeline.began + 2.5, "stderr", "[Channel #2] Channel Connectivity change to READY"),
    ]
    keep_output(timeline, lines, {"127.0.0.2:5000": "order-service-1"})
    history = History.of(timeline.lines())

    assert [event.members["line"] for event in history.of_kind("gateway log")] == [line.text for line in lines]
    (states,) = subchannels(history).values()
    assert [(state, round(since, 3)) for state, since, _ in states] == [("CONNECTING", 1.0), ("READY", 2.0)]
    assert [of for _, of in reports(history)] == ["channel"]
    keep_output(Timeline(), lines, {})
