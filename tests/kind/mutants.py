"""Worlds that only Kubernetes has: Services that are wrong in a way that looks right."""

from tests.harness.subject.mutant import Mutant

UNREADY_TOO = Mutant(
    "unready_too",
    "its Service lists unready pods as well (publishNotReadyAddresses)",
    target="unready_too",
    environments=("kind",),
    cause="unready_replicas_listed",
)
SERVICE_PORT = Mutant(
    "service_port",
    "dials the port of a headless Service instead of the replica port",
    target="service_port",
    environments=("kind",),
    cause="wrong_port",
)
