"""Wrong ideas of the service config in a TXT record: not read, another choice, kept or forgotten (gRFC A2)."""

from tests.harness.subject.mutant import Mutant
from tests.harness.subject.service_configs import retried

# No number of attempts is the promised one, so that each tells which service config is in force.

TWO, FOUR, FIVE = (retried(maxAttempts=count) for count in (2, 4, 5))

LONG = {**TWO, "noSuchField": "longer than a string of 255 bytes, and than a datagram without EDNS: " + "." * 500}
"""Two attempts, in a record that takes several strings, and TCP where no larger datagram is agreed on."""

IGNORES_TEXT = Mutant(
    "ignores_text",
    "does not ask for the TXT record of its name",
    variables={"TXT_SERVICE_CONFIG": "false"},
    cause="txt_record_ignored",
)
FIRST_CHOICE = Mutant(
    "first_choice",
    "goes by the record's first choice, whomever that is for",
    gateway="first_choice",
    cause="wrong_txt_choice",
)
FORGETS_TEXT = Mutant(
    "forgets_text",
    "goes back to its own service config when the record becomes invalid",
    gateway="forgets_text",
    cause="txt_config_lost",
)
KEEPS_TEXT = Mutant(
    "keeps_text",
    "asks for the record when it starts, and never again",
    gateway="keeps_text",
    cause="stale_txt_config",
)
