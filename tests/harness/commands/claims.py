"""The catalogue of what can be claimed: docs/reference/catalogue.toml, each promise with its id and its source."""

import tomllib
from dataclasses import dataclass

from tests.harness.paths import REFERENCE_DOCS

FILE = REFERENCE_DOCS / "catalogue.toml"


@dataclass(frozen=True)
class Claim:
    """A promise of gRPC's client-side load balancing; `not_judged` is why no behaviour judges it, or is ""."""

    id: str
    promise: str
    source: str
    not_judged: str = ""


def claims() -> list[Claim]:
    """Return the catalogue, in the order of the file."""
    data = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return [Claim(name, **members) for name, members in data.items()]
