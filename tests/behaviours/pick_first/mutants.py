"""A policy other than pick_first, or pick_first that does not keep its replica."""

from tests.harness.subject.mutant import EVERYWHERE, Mutant, policy_settings, round_robin
from tests.harness.subject.service_configs import balanced_by, without_policy

PICK_FIRST_CONFIG = balanced_by("pick_first")
"""The service config of these behaviours."""

SHUFFLED_CONFIG = balanced_by("pick_first", shuffleAddressList=True)
"""The service config of the behaviour about random order."""

ROUND_ROBIN_BY_DEFAULT = Mutant(
    "round_robin_by_default",
    "uses round_robin although its service config has no policy",
    variables=round_robin(without_policy()),
    base=without_policy(),
    cause="not_pick_first",
)
ROUND_ROBIN_INSTEAD = Mutant(
    "round_robin_instead",
    "uses round_robin instead of pick_first",
    variables=round_robin(PICK_FIRST_CONFIG),
    base=PICK_FIRST_CONFIG,
    environments=EVERYWHERE,
    cause="not_pick_first",
)
SHUFFLED = Mutant(
    "shuffled",
    "its pick_first shuffles the addresses",
    variables=policy_settings(PICK_FIRST_CONFIG, shuffleAddressList=True),
    base=PICK_FIRST_CONFIG,
    cause="shuffled_addresses",
)
NOT_SHUFFLED = Mutant(
    "not_shuffled",
    "its pick_first does not shuffle the addresses",
    variables=policy_settings(SHUFFLED_CONFIG, shuffleAddressList=False),
    base=SHUFFLED_CONFIG,
    cause="not_shuffled",
)
DIALS_UNASKED = Mutant(
    "dials_unasked",
    "reconnects without waiting for a call",
    gateway="dials_unasked",
    cause="dials_without_a_call",
)
SLOW_EYEBALLS = Mutant(
    "slow_eyeballs",
    "waits 1.2 s for an unresponsive address before it tries the next one",
    gateway="slow_eyeballs",
    cause="slow_happy_eyeballs",
)
