"""Why connections multiply with the first calls, or stop once they carried enough."""

from tests.harness.causes.case import Case, Finding, certain, likely, many

TOGETHER = 0.15
"""Seconds within which concurrent first calls of a gateway have opened their channels."""

WINDOW = 65535
"""Bytes that a peer may send before the client makes room again (RFC 9113, 6.9.2)."""


def channel_race(case: Case) -> Finding | None:
    """
    A fresh gateway that was called by several callers at the same time has several connections to a replica.

    >>> story = Story().connected(0.5, "a", "p1").connected(0.5, "a", "p2").calls(1.1, *in_turn(6))
    >>> for caller in range(4):
    ...     _ = story.call(0.4, "a", caller=caller)
    >>> channel_race(story.case()).suspects
    ('channel_race',)
    >>> channel_race(Story().connected(0.5, "a", "p1").calls(1.1, *in_turn(6)).case()) is None
    True
    """
    opened: dict[str, int] = {}
    mine = [connection for connection in case.history.connections if connection.opened >= case.born]
    first = min((connection.opened for connection in mine), default=0.0)
    for connection in mine:
        if connection.opened <= first + TOGETHER and connection.closed is None:
            opened[connection.replica] = opened.get(connection.replica, 0) + 1
    callers = len({call.caller for call in case.all_calls})
    most = max(opened.values(), default=0)
    if not case.fresh or most < 2 or callers < 2:
        return None
    seen = f"{callers} callers called a fresh gateway at the same time, and it has up to "
    seen += f"{many(most, 'connection')} to a replica"
    return likely("channel_race", seen, "a pool of channels would look the same, with one caller too")


def hangs_after_a_window(case: Case) -> Finding | None:
    """
    Calls with large answers wait once a connection carried its first window.

    >>> story = Story().call(1.1, "a", plan="OK:bytes=65536")
    >>> hung = story.call(1.2, "a", plan="OK:bytes=65536", code="DEADLINE_EXCEEDED", took=1.5)
    >>> hangs_after_a_window(hung.case()).suspects
    ('window_not_renewed',)
    >>> hangs_after_a_window(Story().calls(1.1, *in_turn(6)).case()) is None
    True
    """
    large = [call for call in case.calls if ":bytes=" in call.id]
    hung = [call for call in large if not call.ok and call.attempts]
    if not hung or case.faults:
        return None
    seen = f"{len(hung)} of {many(len(large), 'call')} with large answers reached a replica and were not answered"
    return certain("window_not_renewed", seen, f"a peer may send {WINDOW} bytes until the client makes room again")
