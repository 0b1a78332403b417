"""Hashing without a ring, of nothing, or of the wrong thing."""

from tests.harness.subject.mutant import Mutant, policy_settings, round_robin
from tests.harness.subject.service_configs import balanced_by, written

POLICY, HEADER = "ring_hash_experimental", "x-customer"

RING = balanced_by(POLICY, requestHashHeader=HEADER)

UNKEYED = {
    "GRPC_SERVICE_CONFIG": written(RING),
    "GRPC_EXPERIMENTAL_RING_HASH_SET_REQUEST_HASH_KEY": "true",  # C-core ignores requestHashHeader without it
}
"""The variables of a gateway that hashes a header its calls do not carry."""

KEYED = {**UNKEYED, "HASH_HEADER": HEADER}
"""The variables of a gateway that hashes the customer of an order."""


ROTATES_CUSTOMERS = Mutant(
    "rotates_customers",
    "uses round_robin instead of ring_hash",
    variables=round_robin(RING),
    base=RING,
    cause="not_ring_hash",
)
OTHER_HEADER = Mutant(
    "other_header",
    "hashes a header that its calls do not carry",
    variables=policy_settings(RING, requestHashHeader="x-caller"),
    base=RING,
    cause="no_hash_key",
)
MODULO_HASH = Mutant(
    "modulo_hash",
    "hashes modulo the number of replicas instead of using a ring",
    gateway="modulo_hash",
    cause="rehashed",
)
ONE_KEY = Mutant(
    "one_key",
    "hashes the same key for every call",
    gateway="one_key",
    cause="one_hash_key",
)
OTHER_RING = Mutant(
    "other_ring",
    "builds a ring of a different size than gRPC's default",
    variables=policy_settings(RING, minRingSize=64),
    base=RING,
    cause="different_hash_ring",
)
