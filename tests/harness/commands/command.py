"""
`grpc-lb-conformance`: the suite as a command, for anyone who installed it and has no clone.

It runs pytest on the suite that this file belongs to, wherever that is, and writes nothing there except bytecode, as
for any package: reports go to the current folder, and relative paths are relative to it. Unknown options are passed to
pytest.
"""

import argparse
import difflib
import os
import platform
import sys
from collections.abc import Sequence
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).parents[3]
"""The folder with conftest.py and pyproject.toml: a clone, or `suite` in the installed package."""

ENVIRONMENTS = ("loopback", "compose", "kind")

PLUGINS = ("xdist", "docker")
"""By their entry points. Other plugins installed next to the suite belong to the user, and change how tests run."""

EXTRAS = ("pytest-kind",)
"""Plugins that are used if they are installed."""

USAGE = """\
grpc-lb-conformance (--subject=FILE | --gateway-command=CMD | --gateway-image=NAME) [OPTIONS]
       grpc-lb-conformance (doctor | init | record) [OPTIONS]"""

PARTS = ("doctor", "init", "record")
"""Commands in addition to judging; each is a module next to this file."""

DESCRIPTION = """\
Judges from outside whether a gRPC client (a gateway: HTTP in, gRPC out) really balances, recovers and retries as it
claims. A subject file describes how it is called, over HTTP or gRPC or as a driver, and its service. Without one it
answers GET /orders/{id} with one order.OrderService/GetOrder call, listens on HTTP_ADDRESS and dials
ORDER_SERVICE_TARGET.

  grpc-lb-conformance --gateway-command="./gateway --verbose"       the core, on loopback
  grpc-lb-conformance --subject=subject.toml                        the same, with the promises in the file
  grpc-lb-conformance --subject=subject.toml --extended             the extended behaviours as well
  grpc-lb-conformance --gateway-image=acme/gateway:1.4              the core, in containers of Docker Compose
  grpc-lb-conformance --subject=subject.toml --environments=loopback,kind
  grpc-lb-conformance --reference                                   the reference gateway, to see a verdict
  grpc-lb-conformance --replay=report                               judge a saved run again, in seconds

Before the first run, each with its own --help:

  grpc-lb-conformance doctor                                        what this machine can host
  grpc-lb-conformance init                                          try a service, and write its subject file
  grpc-lb-conformance record --to=127.0.0.1:9000                    record what a real backend answers
"""

EPILOG = """\
All other options are passed to pytest, such as -k retry, -v, -n 1 or -m EXPRESSION, which replaces --environments and
--extended; --pytest-help lists them.

exit status: 0 conformant, 1 nonconformant, 6 inconclusive; 2 to 5 are pytest's own: interrupted, internal error, usage,
nothing ran
"""


class CommandError(Exception):
    """The arguments are invalid; the message is one line."""


class _Parser(argparse.ArgumentParser):
    """A parser whose errors have pytest's exit status: argparse's, 2, would mean that the run was interrupted."""

    def error(self, message: str) -> NoReturn:
        raise CommandError(message)


class _FromElsewhere:
    """Hides the path to the suite in a run outside its own folder."""

    def pytest_configure(self, config: pytest.Config) -> None:
        """Name behaviours as the report does, without the folders that lead to them."""
        config.cwd_relative_nodeid = lambda nodeid: nodeid  # type: ignore[method-assign]


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge, and return pytest's exit status, or that of a usage error, reported in one line."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    sys.path.insert(0, str(ROOT))  # before xdist is imported: its workers get the path as it is then
    if given and given[0] in PARTS:
        from tests.harness.commands.parts import run  # noqa: PLC0415, see _home

        return run(given[0], given[1:])
    try:
        options = pytest_options(given)
    except CommandError as error:
        from tests.harness.harmless import harmless  # noqa: PLC0415, see _home

        sys.stderr.write(f"grpc-lb-conformance: {harmless(str(error))} (see --help)\n")
        return pytest.ExitCode.USAGE_ERROR
    for name in [name for name in os.environ if name.startswith("PYTEST_")]:
        del os.environ[name]  # options and plugins meant for the user's own tests
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    return int(pytest.main(options, plugins=[_FromElsewhere()]))


def pytest_options(given: Sequence[str]) -> list[str]:
    """Return the arguments for pytest. Raises CommandError."""
    options, others = _parser().parse_known_args(given)
    if options.pytest_help:
        return [*_wiring(), "--help"]
    if others and not others[0].startswith("-"):
        near = difflib.get_close_matches(others[0], PARTS, n=1)
        raise CommandError(
            f"unexpected argument {others[0]!r}; did you mean {near[0] if near else f'--subject={others[0]}'}?"
        )
    chosen = _named(options, "subject", "gateway_command", "gateway_image", "replay")
    if not chosen and not options.reference:
        raise CommandError("no gateway given: use --subject=FILE, --gateway-command=CMD or --gateway-image=NAME")
    if chosen and options.reference:
        raise CommandError("--reference and options that name another gateway are mutually exclusive")
    more = _named(options, "pass_variables", "replicas", "report", "compare", "known_failures")
    flags = [f"--{name.replace('_', '-')}" for name in ("keep", "strict_library") if getattr(options, name)]
    return [*_wiring(), *_marks(options), *chosen, *more, *flags, *others, str(ROOT / "tests")]


def _wiring() -> list[str]:
    """Return the options for where the suite is, which plugins it needs, and to write no cache next to it."""
    installed = {plugin.name for plugin in entry_points(group="pytest11")}
    plugins = [f"-p{name}" for name in (*PLUGINS, *installed.intersection(EXTRAS), "no:cacheprovider")]
    # warnings are for developers of the suite, and newer libraries may emit some
    return [f"--config-file={ROOT / 'pyproject.toml'}", f"--rootdir={ROOT}", *plugins, "-Wignore"]


def _named(options: argparse.Namespace, *names: str) -> list[str]:
    """Return these options as given; an empty value means that a shell variable was not set."""
    values = {f"--{name.replace('_', '-')}": getattr(options, name) for name in names}
    if empty := [name for name, value in values.items() if value == ""]:
        raise CommandError(f"{empty[0]} is empty")
    return [f"{name}={value}" for name, value in values.items() if value is not None]


def _marks(options: argparse.Namespace) -> list[str]:
    if options.marks is not None:
        if options.environments or options.extended:
            raise CommandError("-m replaces --environments and --extended: they are mutually exclusive")
        return ["-m", options.marks]
    if options.replay and not options.environments:
        return []  # everything that was recorded
    where = " or ".join(options.environments or [_home(options)])
    # in containers, extended behaviours take part only if the expression names them
    core = "(extended or not extended)" if options.extended else "not extended"
    return ["-m", f"({where}) and {core} and not negative_control and not positive_control"]


def _home(options: argparse.Namespace) -> str:
    """Return the default environment: the first one in which the subject can be started."""
    if options.gateway_image:
        return "compose"
    if not options.subject:
        return "loopback"
    # imported here, as main adds the suite to the path
    from tests.harness.subject.subject import Subject  # noqa: PLC0415,
    from tests.harness.subject.tables import SubjectFileError  # noqa: PLC0415

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
        raise CommandError(f"--environments is empty: must list any of {', '.join(ENVIRONMENTS)}")
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
    subject = parser.add_argument_group("what to judge")
    who = subject.add_mutually_exclusive_group()
    who.add_argument("--subject", metavar="FILE", help="the gateway that this file describes, with its promises")
    who.add_argument("--gateway-command", metavar="CMD", help="the gateway that this command starts")
    who.add_argument("--gateway-image", metavar="NAME", help="the gateway in this container image")
    who.add_argument("--reference", action="store_true", help="the suite's reference gateway, which is conformant")
    passed = "comma-separated: variables of this shell that the gateway gets although they look secret, or are a CI's"
    subject.add_argument("--pass-variables", metavar="NAMES", help=passed)
    what = parser.add_argument_group("which behaviours, and where")
    where = "comma-separated: loopback, compose, kind (default: loopback, or compose for an image)"
    what.add_argument("--environments", type=environments, metavar="LIST", help=where)
    what.add_argument("--extended", action="store_true", help="judge the extended behaviours as well")
    what.add_argument("-m", dest="marks", metavar="EXPRESSION", help=argparse.SUPPRESS)
    what.add_argument("--replicas", metavar="N", help="number of order-service replicas (default 3)")
    known = "known failures: lines of TOML as in the subject file's [known_failures]"
    what.add_argument("--known-failures", metavar="FILE", help=known)
    strict = "count what the gateway's gRPC library is known to do wrong as failures"
    what.add_argument("--strict-library", action="store_true", help=strict)
    _add_reports(parser)
    other = parser.add_argument_group("other options")
    versions = "print the versions of the suite and its libraries"
    other.add_argument("--version", action="version", version=_version(), help=versions)
    other.add_argument("--help", "-h", action="help", help="print this help")
    other.add_argument("--pytest-help", action="store_true", help="print all options, including pytest's")
    return parser


def _add_reports(parser: _Parser) -> None:
    report = parser.add_argument_group("reports")
    report.add_argument("--report", metavar="DIR", help="where the report goes (default report/)")
    report.add_argument("--compare", metavar="OLD", help="show what differs from an older report")
    report.add_argument("--replay", metavar="DIR", help="judge again what this report recorded; starts nothing")
    keep = "keep containers at the end, and print the commands to inspect and remove them"
    report.add_argument("--keep", action="store_true", help=keep)


if __name__ == "__main__":
    sys.exit(main())
