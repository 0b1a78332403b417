"""What a misspelled name was probably meant to be."""

from tests.harness.suggestion import did_you_mean


def test_the_closest_known_name_is_suggested() -> None:
    """Of all known names the one that resembles it most, however little that is."""
    assert did_you_mean("lopback", ["compose", "loopback", "kind"]) == "; did you mean 'loopback'?"
    assert did_you_mean("zzz", ["kind"]) == "; did you mean 'kind'?"


def test_where_nothing_is_known_nothing_is_suggested() -> None:
    """An empty kubeconfig has no context to suggest."""
    assert did_you_mean("staging", []) == ""
