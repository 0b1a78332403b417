"""The reference gateway over TLS, as a black box that speaks nothing else."""

from services.order.tls import MUTUAL, SERVER
from tests.harness.subject.control import Control

OVER_TLS = Control("over_tls", "speaks TLS to its service", tls=SERVER)
OVER_MUTUAL_TLS = Control("over_mutual_tls", "speaks TLS to its service, and presents a certificate", tls=MUTUAL)
