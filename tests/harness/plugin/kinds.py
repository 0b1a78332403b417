"""What a test is by its id alone: a worker tells its controller no more."""

from tests.harness.plugin.selection import ENVIRONMENTS
from tests.harness.report.course import Kind
from tests.harness.themes import mutants

_MUTANTS = {mutant.name for mutant in mutants()}

_OF_THE_SUITE = ("tests/unit/", "tests/suite/")
"""Where tests lie whose parameters may be called as an environment is, and that are not behaviours."""


def kind_of(node_id: str) -> Kind:
    """Return what a test is."""
    environment, *others = parameters(node_id)
    if environment not in ENVIRONMENTS or node_id.startswith(_OF_THE_SUITE):
        return Kind.OTHER
    return Kind.CONTROL if others and others[0] in _MUTANTS else Kind.BEHAVIOUR


def parameters(node_id: str) -> list[str]:
    """Return its parameters: of a behaviour the environment, then the mutant if there is one, then its own."""
    return node_id.partition("[")[2].partition("]")[0].split("-")
