"""What several behaviours cannot be hosted without, and where that is had."""

import pytest

records_stay = pytest.mark.only_in(
    "loopback", reason="only there does the name of a replica that is down stay listed, and its address refuse at once"
)
