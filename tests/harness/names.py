"""How long a gateway may take over a name that its name server did not give it at first."""

FIRST_WAIT = (1.0, 1.6)
"""Seconds before a failed resolution is repeated for the first time: in gRPC C-core, and in grpc-go."""

GROWTH = 1.6
JITTER = 0.2


def asks_again_within(failing: float) -> float:
    """
    Return how many seconds after a name server is well again the next question comes, at the latest.

    `failing` is for how many seconds it has failed the gateway, from the first question on. A failed resolution is
    repeated with the backoff of connections (grpc/grpc doc/connection-backoff.md; C-core polling_resolver.cc; grpc-go
    dns_resolver.go): each wait is longer than the one before, so what counts is how many can have passed.
    """
    shortest, longest = FIRST_WAIT
    passed = 0
    over = (1 - JITTER) * shortest
    while over <= failing:
        passed += 1
        over += (1 - JITTER) * shortest * GROWTH**passed
    return (1 + JITTER) * longest * GROWTH**passed
