"""Gateways that use too much, or never let go of what they have."""

from tests.harness.subject.mutant import Mutant

LEAKS_CHANNELS = Mutant(
    "leaks_channels",
    "opens a channel after each failure, and never closes the old one",
    gateway="leaks_channels",
    cause="leak",
)
LEAKS_MEMORY = Mutant(
    "leaks_memory",
    "keeps 64 KiB of each order",
    gateway="leaks_memory",
    cause="memory_leak",
)
SPINS = Mutant(
    "spins",
    "runs a loop that never sleeps",
    gateway="spins",
    cause="busy_loop",
)
DIALS_IN_A_LOOP = Mutant(
    "dials_in_a_loop",
    "dials each address two hundred times a second",
    gateway="dials_in_a_loop",
    cause="no_backoff",
)
QUERIES_IN_A_LOOP = Mutant(
    "queries_in_a_loop",
    "queries DNS in a loop while its name does not exist",
    gateway="queries_in_a_loop",
    cause="no_query_interval",
)
KEEPS_REMOVED_ADDRESSES = Mutant(
    "keeps_removed_addresses",
    "keeps a connection to each address that its name had at its start",
    gateway="keeps_removed_addresses",
    cause="keeps_what_is_not_listed",
)
DIALS_REMOVED_ADDRESSES = Mutant(
    "dials_removed_addresses",
    "probes each address that its name had at its start once a second",
    gateway="dials_removed_addresses",
    cause="dials_what_is_not_listed",
)
