"""All mutants that there are, theme by theme."""

from collections.abc import Iterator
from types import ModuleType

from tests.mutants import (
    affinity,
    balancing,
    connections,
    deadlines,
    discovery,
    health,
    liveness,
    names,
    outliers,
    pick_first,
    proxies,
    retries,
    retry_limits,
    retry_policies,
    service_config,
    text_records,
    throttling,
    weights,
    wire,
)
from tests.mutants.mutant import Mutant

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
