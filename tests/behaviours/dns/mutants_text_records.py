"""The service config of a TXT record handled wrongly: ignored, the wrong choice, kept or forgotten (gRFC A2)."""

from tests.harness.subject.mutant import Mutant
from tests.harness.subject.service_configs import retried

# No number of attempts is the promised one, so that each identifies the service config in force.

TWO, FOUR, FIVE = (retried(maxAttempts=count) for count in (2, 4, 5))

LONG = {**TWO, "noSuchField": "longer than a string of 255 bytes, and than a datagram without EDNS: " + "." * 500}
"""Two attempts, in a record of several strings, which needs TCP unless a larger datagram is agreed on."""

IGNORES_TEXT = Mutant(
    "ignores_text",
    "does not query the TXT record",
    variables={"TXT_SERVICE_CONFIG": "false"},
    cause="txt_record_ignored",
)
FIRST_CHOICE = Mutant(
    "first_choice",
    "applies the first choice of the TXT record, whether or not it matches",
    gateway="first_choice",
    cause="wrong_txt_choice",
)
FORGETS_TEXT = Mutant(
    "forgets_text",
    "reverts to its own service config when the TXT record becomes invalid",
    gateway="forgets_text",
    cause="txt_config_lost",
)
KEEPS_TEXT = Mutant(
    "keeps_text",
    "queries the TXT record at its start only",
    gateway="keeps_text",
    cause="stale_txt_config",
)
