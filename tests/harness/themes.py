"""All mutants that there are, theme by theme."""

from collections.abc import Iterator
from types import ModuleType

from tests.behaviours import mutants as discovery
from tests.behaviours.affinity import mutants as affinity
from tests.behaviours.connections import mutants as connections
from tests.behaviours.deadlines import mutants as deadlines
from tests.behaviours.distribution import mutants as balancing
from tests.behaviours.dns import mutants as names
from tests.behaviours.dns import mutants_text_records as text_records
from tests.behaviours.health import mutants as health
from tests.behaviours.keepalive import mutants as liveness
from tests.behaviours.outliers import mutants as outliers
from tests.behaviours.pick_first import mutants as pick_first
from tests.behaviours.proxies import mutants as proxies
from tests.behaviours.retry import mutants as retries
from tests.behaviours.retry import mutants_limits as retry_limits
from tests.behaviours.retry import mutants_policy as retry_policies
from tests.behaviours.retry import mutants_throttling as throttling
from tests.behaviours.service_config import mutants as service_config
from tests.behaviours.weights import mutants as weights
from tests.behaviours.wire import mutants as wire
from tests.harness.subject.mutant import Mutant

THEMES = (
    balancing,
    affinity,
    discovery,
    service_config,
    text_records,
    retries,
    wire,
    throttling,
    retry_limits,
    retry_policies,
    deadlines,
    liveness,
    pick_first,
    weights,
    health,
    outliers,
    names,
    connections,
    proxies,
)


def _mutants_of(theme: ModuleType) -> Iterator[Mutant]:
    for value in vars(theme).values():
        yield from (one for one in (value if isinstance(value, tuple) else (value,)) if isinstance(one, Mutant))


ALL = tuple(mutant for theme in THEMES for mutant in _mutants_of(theme))
