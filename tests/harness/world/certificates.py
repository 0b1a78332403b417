"""What a replica may present over TLS, by the names of the certificates that every run has (services/order/tls.py)."""

from services.order.tls import NEVER, WITHOUT_ALPN

RIGHT, RENEWED = "server", "renewed"
"""Two certificates for the service's name, with different keys."""

WRONG_NAME, EXPIRED, ANOTHER_CA = "wrong-name", "expired", "another-ca"
"""Certificates that no client may accept."""

CERTIFICATE, HANDSHAKE = "TLS_CERTIFICATE", "TLS_HANDSHAKE"
"""The variables of an order service that choose among them, and what may be wrong with its handshake."""

RENEWED_CERTIFICATE = {CERTIFICATE: RENEWED}
"""Another certificate that is valid, as variables for `Replica.start`."""

FAULTS = {
    "wrong_name": {CERTIFICATE: WRONG_NAME},
    "expired": {CERTIFICATE: EXPIRED},
    "another_ca": {CERTIFICATE: ANOTHER_CA},
    "without_alpn": {HANDSHAKE: WITHOUT_ALPN},
    "never_ends": {HANDSHAKE: NEVER},
}
"""What makes a replica that no client may use, by a short name, as variables for `Replica.start`."""

HANDSHAKES = "handshake"
"""The ledger event of a handshake: its `server_name`, its `protocols` and its `outcome` (services/order/front.py)."""
