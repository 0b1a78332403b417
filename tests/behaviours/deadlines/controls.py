"""Gateways whose calls wait for a ready replica, have little time, or as much as they need."""

from tests.harness.subject.control import Control

WAITS = Control(
    "waits_for_a_replica",
    "lets calls wait for a ready replica until their deadline, on purpose",
    variables={"WAIT_FOR_READY": "true"},
    promises={"wait_for_ready": True},
)
TIGHT = Control(
    "tight_deadline",
    "gives calls 0.45 s, retries included",
    variables={"CALL_TIMEOUT_MS": "450"},
    promises={"call_timeout": 0.45},
)
ENDLESS = Control(
    "without_deadline",
    "gives calls no deadline, and declares that",
    variables={"CALL_TIMEOUT_MS": "0"},
    promises={"call_timeout": 0.0},
)
