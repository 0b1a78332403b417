"""Gateways that are wrong about TLS: some never get a connection, others connect to anyone."""

from tests.behaviours.mutants import NO_RETRY, ONE_ADDRESS, SLOW_RECONNECT
from tests.behaviours.over_tls import over_tls
from tests.harness.subject.mutant import Mutant

ANOTHER_SERVER_NAME = Mutant(
    "another_server_name",
    "sends, and verifies, the name of another service",
    gateway="another_server_name",
    cause="wrong_server_name",
)
DIALS_ADDRESSES = Mutant(
    "dials_addresses",
    "opens a channel for each address, which verifies the address instead of the name",
    gateway="dials_addresses",
    cause="no_server_name",
)
HIDES_THE_NAME = Mutant(
    "hides_the_name",
    "verifies the name of the service, and sends none in the handshake",
    gateway="hides_the_name",
    cause="no_server_name",
)
SPEAKS_PLAINTEXT = Mutant(
    "speaks_plaintext",
    "speaks plaintext to a service that speaks TLS",
    variables={"CA_FILE": ""},
    cause="plaintext_to_tls",
)
TRUSTS_ANOTHER_CA = Mutant(
    "trusts_another_ca",
    "does not trust the certificate authority of its service",
    gateway="trusts_another_ca",
    cause="authority_not_trusted",
)
OFFERS_NO_ALPN = Mutant(
    "offers_no_alpn",
    "does not offer h2 over ALPN",
    gateway="offers_no_alpn",
    cause="no_alpn",
)
NO_CLIENT_CERTIFICATE = Mutant(
    "no_client_certificate",
    "presents no certificate to a service that demands one",
    variables={"CERT_FILE": "", "KEY_FILE": ""},
    cause="no_client_certificate",
)
TRUSTS_ANYONE = Mutant(
    "trusts_anyone",
    "verifies no certificate",
    gateway="trusts_anyone",
    cause="certificate_not_verified",
)
VERIFIES_NO_NAME = Mutant(
    "verifies_no_name",
    "verifies certificates, but not whose they are",
    gateway="verifies_no_name",
    cause="name_not_verified",
)
IGNORES_ALPN = Mutant(
    "ignores_alpn",
    "uses a connection for which the server has selected no protocol",
    gateway="ignores_alpn",
    cause="alpn_not_verified",
)
PINS_CERTIFICATES = Mutant(
    "pins_certificates",
    "accepts no other certificate of a replica than the first that it saw",
    gateway="pins_certificates",
    cause="certificate_pinned",
)
ROTATES_OVER_HANDSHAKES = Mutant(
    "rotates_over_handshakes",
    "rotates over the addresses by hand, whether or not their handshakes are complete",
    gateway="rotates_over_handshakes",
    cause="picks_unconnected_replicas",
)

NO_RETRY_OVER_TLS = over_tls(NO_RETRY)
ONE_ADDRESS_OVER_TLS = over_tls(ONE_ADDRESS)
SLOW_RECONNECT_OVER_TLS = over_tls(SLOW_RECONNECT)
