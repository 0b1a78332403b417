"""
The front door for behaviours: everything that a behaviour needs from the harness, in one place.

A behaviour is one function in a theme of tests/behaviours; its arguments are fixtures (plugin/fixtures.py). See
docs/guides/authoring.md.
"""

from services.order.faults import WATCHES_END
from tests.harness.checks.resources import CALM, DIALS, LINGER, QUERIES, WARM, WINDOW
from tests.harness.judges.backoff import backoff_faults, backoffs, medians, patience, spread
from tests.harness.judges.connections import connection_faults, many_of
from tests.harness.judges.overhead import median_call, overhead_allowed, overhead_faults
from tests.harness.judges.recovery import (
    Recovery,
    failures_allowed,
    failures_but_cut,
    fresh_block_faults,
    recovery,
    turn_faults,
)
from tests.harness.judges.retry_backoff import (
    allowed_growth,
    growth_faults,
    jitter_faults,
    spreads,
    waits_of,
)
from tests.harness.judges.waiting import waiting_faults
from tests.harness.plugin.marks import explained_by, records_stay
from tests.harness.subject.promises import JITTER, TIMER, Budgets, Promises, longest_timeout_received
from tests.harness.subject.service_configs import (
    SERVICE,
    Config,
    balanced_by,
    hedged,
    retried,
    text_record,
    without_policy,
    written,
)
from tests.harness.world.capabilities import (
    Channelz,
    Cluster,
    Direct,
    Dns,
    Listeners,
    Measured,
    Network,
    Peers,
    Process,
    Proxy,
    Query,
    Streams,
)
from tests.harness.world.certificates import FAULTS as TLS_FAULTS
from tests.harness.world.certificates import RENEWED_CERTIFICATE
from tests.harness.world.channelz import ANYWHERE, READY
from tests.harness.world.endpoints import CLOSE, GREET, SILENT, Frame, OnStream, Steering
from tests.harness.world.environment import Environment
from tests.harness.world.eventually import consistently, eventually
from tests.harness.world.ledger import Attempt
from tests.harness.world.ledgers import Handshake, Ledgers
from tests.harness.world.load import Load
from tests.harness.world.orders import Orders
from tests.harness.world.replica import Replica
from tests.harness.world.reply import Block, Reply
from tests.harness.world.streams import Stream
from tests.harness.world.tally import calls_until_all, most_failures, rotation_faults
from tests.harness.world.verdict import InconclusiveError, SubjectDiedError, SubjectWrongError

__all__ = [
    "ANYWHERE",
    "CALM",
    "CLOSE",
    "DIALS",
    "GREET",
    "JITTER",
    "LINGER",
    "QUERIES",
    "READY",
    "RENEWED_CERTIFICATE",
    "SERVICE",
    "SILENT",
    "TIMER",
    "TLS_FAULTS",
    "WARM",
    "WATCHES_END",
    "WINDOW",
    "Attempt",
    "Block",
    "Budgets",
    "Channelz",
    "Cluster",
    "Config",
    "Direct",
    "Dns",
    "Environment",
    "Frame",
    "Handshake",
    "InconclusiveError",
    "Ledgers",
    "Listeners",
    "Load",
    "Measured",
    "Network",
    "OnStream",
    "Orders",
    "Peers",
    "Process",
    "Promises",
    "Proxy",
    "Query",
    "Recovery",
    "Replica",
    "Reply",
    "Steering",
    "Stream",
    "Streams",
    "SubjectDiedError",
    "SubjectWrongError",
    "allowed_growth",
    "backoff_faults",
    "backoffs",
    "balanced_by",
    "calls_until_all",
    "connection_faults",
    "consistently",
    "eventually",
    "explained_by",
    "failures_allowed",
    "failures_but_cut",
    "fresh_block_faults",
    "growth_faults",
    "hedged",
    "jitter_faults",
    "longest_timeout_received",
    "many_of",
    "median_call",
    "medians",
    "most_failures",
    "overhead_allowed",
    "overhead_faults",
    "patience",
    "records_stay",
    "recovery",
    "retried",
    "rotation_faults",
    "spread",
    "spreads",
    "text_record",
    "turn_faults",
    "waiting_faults",
    "waits_of",
    "without_policy",
    "written",
]
