"""What runs: the subject as it is, or wrong in one way, and the world around it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.harness.subject.subject import Subject


@dataclass(frozen=True)
class Variant:
    """
    What runs: a subject, or the reference gateway wrong in one way.

    `target` is what the gateway is pointed at (see `Mutant.target`). `replica_variables` are those of every order
    service, `variables` those that make a gateway wrong; they override what a behaviour requests.
    """

    subject: Subject
    target: str = "all"
    replica_variables: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
