"""
`grpc-lb-conformance`: the suite as a command, for whoever installed it and has no clone.

It runs pytest on the suite that lies around this file, wherever that is, and leaves nothing there but what Python keeps
of any package, its bytecode: reports go to the current folder, and relative paths are relative to it. Options that it
does not know are pytest's.
"""

import argparse
import os
import platform
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).parents[3]
"""The folder with conftest.py and pyproject.toml: a clone, or `suite` in the installed package."""

ENVIRONMENTS = ("loopback", "compose", "kind")

PLUGINS = ("xdist", "docker", "pytest-kind")
"""By their entry points. Others that are installed beside the suite are somebody's own, and change how tests run."""

USAGE = "grpc-lb-conformance (--subject=FILE | --gateway-command=CMD | --gateway-image=NAME) [OPTIONS]"

DESCRIPTION = """\
Judges from outside whether a gRPC client (a gateway: HTTP in, gRPC out) really balances, recovers and retries as it
claims. The gateway answers GET /orders/{id} with one order.OrderService/GetOrder call, listens on HTTP_ADDRESS and
dials ORDER_SERVICE_TARGET.

  grpc-lb-conformance --gateway-command="./gateway --verbose"       the core, on loopback
  grpc-lb-conformance --subject=subject.toml                        the same; the file says what is promised
  grpc-lb-conformance --subject=subject.toml --extended             and what goes beyond the core
  grpc-lb-conformance --gateway-image=acme/gateway:1.4              on containers of Docker Compose
  grpc-lb-conformance --subject=subject.toml --environments=loopback,kind
  grpc-lb-conformance --reference                                   our own gateway, to see a verdict
  grpc-lb-conformance --replay=report                               a saved run again, in seconds
"""

EPILOG = """\
All other options are pytest's, such as -k retry, -v, -n 1 or -m EXPRESSION, which takes the place of --environments and
--extended; --pytest-help lists them.

exit status: 0 conformant, 1 nonconformant, 6 inconclusive; 2 to 5 are pytest's own: interrupted, internal error, usage,
nothing ran
"""


class CommandError(Exception):
    """What was typed cannot be meant; the message is one line."""


class _Parser(argparse.ArgumentParser):
    """One whose errors have pytest's exit status: argparse's, 2, would say that the run was interrupted."""

    def error(self, message: str) -> NoReturn:
        raise CommandError(message)


class _FromElsewhere:
    """Keeps a run that is not in the suite's own folder from showing the way to it."""

    def pytest_configure(self, config: pytest.Config) -> None:
        """Name behaviours as the report does, without the folders between here and where they lie."""
        config.cwd_relative_nodeid = lambda nodeid: nodeid  # type: ignore[method-assign]


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge, and return pytest's exit status, or that of a usage error, said in one line."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    sys.path.insert(0, str(ROOT))  # before xdist is imported: its workers get the path as it is then
    try:
        options = pytest_options(given)
    except CommandError as error:
        sys.stderr.write(f"grpc-lb-conformance: {error}; --help has examples\n")
        return pytest.ExitCode.USAGE_ERROR
    for name in [name for name in os.environ if name.startswith("PYTEST_")]:
        del os.environ[name]  # options and plugins that are meant for the tests of somebody's project
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    return int(pytest.main(options, plugins=[_FromElsewhere()]))


def pytest_options(given: Sequence[str]) -> list[str]:
    """Return what pytest is called with. Raises CommandError."""
    options, others = _parser().parse_known_args(given)
    if options.pytest_help:
        return [*_wiring(), "--help"]
    if others and not others[0].startswith("-"):
        raise CommandError(f"{others[0]!r} is no option: is it --subject={others[0]}?")
    chosen = _named(options, "subject", "gateway_command", "gateway_image", "replay")
    if not chosen and not options.reference:
        raise CommandError("no gateway is named: --subject=FILE, --gateway-command=CMD or --gateway-image=NAME")
    if chosen and options.reference:
        raise CommandError("--reference judges our own gateway, and another one is named")
    more = _named(options, "replicas", "report", "compare", "known_failures")
    keep = ["--keep"] if options.keep else []
    return [*_wiring(), *_marks(options), *chosen, *more, *keep, *others, str(ROOT / "tests")]


def _wiring() -> list[str]:
    """Return where the suite is, what it is run with, and that nothing is kept beside it."""
    plugins = [f"-p{name}" for name in (*PLUGINS, "no:cacheprovider")]
    # a warning is our business, and newer libraries than we know may have some
    return [f"--config-file={ROOT / 'pyproject.toml'}", f"--rootdir={ROOT}", *plugins, "-Wignore"]


def _named(options: argparse.Namespace, *names: str) -> list[str]:
    """Return these options as they were given; an empty value is a variable that was not set, and no gateway."""
    values = {f"--{name.replace('_', '-')}": getattr(options, name) for name in names}
    if empty := [name for name, value in values.items() if value == ""]:
        raise CommandError(f"{empty[0]} is empty")
    return [f"{name}={value}" for name, value in values.items() if value is not None]


def _marks(options: argparse.Namespace) -> list[str]:
    if options.marks is not None:
        if options.environments or options.extended:
            raise CommandError("-m takes the place of --environments and --extended")
        return ["-m", options.marks]
    if options.replay and not options.environments:
        return []  # what was recorded
    where = " or ".join(options.environments or [_home(options)])
    # in containers, extended behaviours take part where the expression names them
    core = "(extended or not extended)" if options.extended else "not extended"
    return ["-m", f"({where}) and {core} and not negative_control"]


def _home(options: argparse.Namespace) -> str:
    """Return the environment that is meant where none is named: the first one in which the subject can be started."""
    if options.gateway_image:
        return "compose"
    if not options.subject:
        return "loopback"
    # only here, as the suite is on the path since main
    from tests.harness.subject.subject import Subject, SubjectFileError  # noqa: PLC0415

    try:
        subject = Subject.from_file(Path(options.subject))
    except SubjectFileError as error:
        raise CommandError(str(error)) from None
    return "compose" if subject.reason_against("loopback") and not subject.reason_against("compose") else "loopback"


def environments(text: str) -> list[str]:
    """Return the environments of a comma-separated list. Raises CommandError for an unknown one."""
    from tests.harness.suggestion import did_you_mean  # noqa: PLC0415, see _home

    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in ENVIRONMENTS:
            raise CommandError(f"unknown environment {name!r}{did_you_mean(name, ENVIRONMENTS)}")
    if not names:
        raise CommandError(f"--environments is empty: {', '.join(ENVIRONMENTS)} are known")
    return names


def _version() -> str:
    from tests.harness.report.version import released  # noqa: PLC0415, see _home

    others = ", ".join(f"{name} {version(name)}" for name in ("grpcio", "pytest"))
    return f"grpc-lb-conformance {released()} ({others}, Python {platform.python_version()})"


def _parser() -> _Parser:
    parser = _Parser(
        prog="grpc-lb-conformance",
        usage=USAGE,
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        add_help=False,
    )
    who = parser.add_argument_group("who is judged").add_mutually_exclusive_group()
    who.add_argument("--subject", metavar="FILE", help="the gateway that this file describes, with its promises")
    who.add_argument("--gateway-command", metavar="CMD", help="the gateway that this command starts")
    who.add_argument("--gateway-image", metavar="NAME", help="the gateway in this container image")
    who.add_argument("--reference", action="store_true", help="the reference gateway, which is conformant")
    what = parser.add_argument_group("what is judged, and where")
    where = "loopback, compose, kind; default: loopback, or compose for an image"
    what.add_argument("--environments", type=environments, metavar="LIST", help=where)
    what.add_argument("--extended", action="store_true", help="also what goes beyond the core")
    what.add_argument("-m", dest="marks", metavar="EXPRESSION", help=argparse.SUPPRESS)
    what.add_argument("--replicas", metavar="N", help="order-service replicas (default 3)")
    known = "failures that are known: lines of TOML as in the subject file's [known_failures]"
    what.add_argument("--known-failures", metavar="FILE", help=known)
    report = parser.add_argument_group("reports")
    report.add_argument("--report", metavar="DIR", help="where the report goes (default report/)")
    report.add_argument("--compare", metavar="OLD", help="say what differs from an older report")
    report.add_argument("--replay", metavar="DIR", help="judge again what this report recorded; starts nothing")
    report.add_argument("--keep", action="store_true", help="leave containers as they are, and say how to look around")
    other = parser.add_argument_group("others")
    other.add_argument("--version", action="version", version=_version(), help="of the suite and its libraries")
    other.add_argument("--help", "-h", action="help", help="this text")
    other.add_argument("--pytest-help", action="store_true", help="all options, pytest's included")
    return parser


if __name__ == "__main__":
    sys.exit(main())
