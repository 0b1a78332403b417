"""Reports of every kind, for the published matrix."""

from pathlib import Path

import pytest

from tests.harness.subject import not_judged
from tests.harness.world.verdict import Verdict
from tests.unit.helpers.matrix_reports import KNOWN, WRONG, go_run, python_run
from tests.unit.helpers.saved_report import result

WEIGHTS = "tests/behaviours/weights/test_weights.py"

LEFT_OUT = {
    f"{WEIGHTS}::test_shares[loopback]": not_judged.unsupported("weighted-round-robin"),
    f"{WEIGHTS}::test_promise[loopback]": not_judged.not_promised("retries"),
    f"{WEIGHTS}::test_configured[loopback]": not_judged.BLACK_BOX,
    f"{WEIGHTS}::test_told[loopback]": "its codes cannot be told",
}
"""One for each reason."""

HOSTED = {
    "tests/behaviours/dns/test_discovery.py::test_elsewhere[compose]": not_judged.not_hosted(
        ("loopback",), "no record can be set"
    )
}
"""What Compose cannot host."""


@pytest.fixture
def every_kind(tmp_path: Path) -> list[Path]:
    """Two gateways in two environments, with every verdict that there is."""
    held = [result("test_serial"), result("test_serial", environment="compose")]
    codes = [
        result(f"test_other_code[{code}]", file="test_retry.py") for code in ("ABORTED", "CANCELLED", "UNKNOWN", "OK")
    ]
    known = result(
        "test_codes", file="test_retry.py", verdict=Verdict.KNOWN_FAILURE, message="assert 1 == 2", seen="nothing came"
    )
    passing = result("test_passing", file="test_retry.py", verdict=Verdict.UNEXPECTEDLY_PASSING, message="it holds now")
    unclear = result("test_unclear", file="test_retry.py", verdict=Verdict.INCONCLUSIVE, message="no replica was ready")
    away = result("test_elsewhere", file="test_discovery.py")
    wrong = result("test_serial", environment="compose", **WRONG)
    return [
        python_run(
            tmp_path,
            "loopback",
            [held[0], *codes, known, passing, unclear, away],
            not_judged=LEFT_OUT,
            about={"known_failures": KNOWN},
        ),
        python_run(tmp_path, "compose", [wrong], not_judged=HOSTED),
        go_run(tmp_path, "loopback", [held[0], *codes[:3], result(codes[3].behaviour, file="test_retry.py", **WRONG)]),
        go_run(tmp_path, "compose", [held[1]]),
    ]
