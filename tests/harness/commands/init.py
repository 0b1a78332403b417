"""
`grpc-lb-conformance init`: tries a service, and writes its subject file.

It starts the service in front of replicas that answer everything, sends it one request, sees what that calls, and tries
again with what it found, until a call is served and can be distinguished from others.
"""

import argparse
import dataclasses
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.harness.commands.draft import ADDRESS, CONTRACT, CORRELATES, TRACE, Draft, assigned
from tests.harness.commands.parts import CommandError, Parser
from tests.harness.commands.trial import Seen, Trial, is_the_contracts, loopback
from tests.harness.harmless import harmless, in_one_line
from tests.harness.subject.call import METHODS
from tests.harness.subject.grpc_library import library_of
from tests.harness.subject.library_properties import language_of
from tests.harness.subject.tables import SubjectFileError, read_tables
from tests.harness.suggestion import did_you_mean
from tests.harness.world.ledgers import OTHER
from tests.harness.world.runs import RunsError
from tests.harness.world.serial import NONE
from tests.harness.world.verdict import InconclusiveError, SubjectDiedError
from tests.loopback.environment import LoopbackEnvironment

ROUNDS = 5
"""Trials at most: each may show more methods."""

INTERPRETERS = {"bun", "deno", "dotnet", "java", "node", "npm", "npx", "php", "python", "python3", "ruby", "sh", "bash"}
"""Programs whose name is not that of the service."""

DESCRIPTION = """\
Tries a service on this machine, and writes its subject file: what is judged, what it calls as well, how its calls are
told apart. Without --command and --request it prompts for them.

  grpc-lb-conformance init
  grpc-lb-conformance init --command="./checkout --listen={http_address} --inventory={target}" \\
      --request="POST /checkout" --body='{"cart": "{id}"}'

{http_address} and {http_port} are where the service has to listen; {target} is what it has to dial, as gRPC's
resolvers take it; {name}, {port} and {resolver} are its parts. Variables precede the command, as in a shell:
INVENTORY={target} ./checkout. {id} is a text that is different for each call; {uuid} and {traceparent} are made of it.

exit status: 0 written, 1 the trial failed, 4 invalid arguments
"""

PROMPTS = {
    "command": "Command that starts it, with {http_address} where it listens and {target} where it dials:\n> ",
    "request": "Request that makes it call its backend, with {id} where it passes something on [GET /orders/{id}]:\n> ",
    "body": "Body of that request, empty for none:\n> ",
}


class TrialError(Exception):
    """The trial failed; `why` is one line, and so is `then`, what to try next."""

    def __init__(self, why: str, then: str) -> None:
        super().__init__(why)
        self.why, self.then = why, then


def main(arguments: Sequence[str]) -> int:
    """Try a service and write its file; return 0, or 1 if the trial failed. Raises CommandError."""
    options = _parser().parse_args(arguments)
    output = Path(options.output)
    if output.exists() and not options.overwrite:
        raise CommandError(f"{output} exists: --output=FILE names another, --overwrite replaces it")
    if not output.parent.is_dir():
        raise CommandError(f"--output={output}: there is no folder {output.parent}")
    draft = _draft(options, output)
    notes = _Notes(draft)
    try:
        with loopback() as environment:
            notes.draft = found(environment, draft, output.resolve().parent, options.method, notes)
    except RunsError as error:
        raise CommandError(str(error)) from None
    except TrialError as error:
        sys.stdout.write(f"failed     {in_one_line(error.why.strip())}\nnext       {error.then}\n")
        if not options.write_anyway:
            return 1
    output.write_text(notes.draft.text, encoding="utf-8")
    sys.stdout.write(harmless(f"written    {output}; next: grpc-lb-conformance --subject={output}\n"))
    return 0 if notes.draft.found or notes.draft.ours else 1


class _Notes:
    """What is printed of the trial while it runs; `draft` is the last one, for a file that is written anyway."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft

    def __call__(self, what: str, words: str) -> None:
        """Print a line."""
        sys.stdout.write(f"{what:10} {in_one_line(words)}\n")
        sys.stdout.flush()


Note = Callable[[str, str], None]


def found(environment: LoopbackEnvironment, draft: Draft, folder: Path, method: str, notes: _Notes) -> Draft:
    """Return a draft completed by what trials showed. Raises TrialError."""
    for number in range(ROUNDS):
        notes.draft = draft
        trial, seen = _tried(environment, draft, folder)
        if number == 0:
            notes("started", " ".join(draft.command))
        others = seen.called(OTHER)
        if others:
            notes("calls", f"{', '.join(others)}, too: added as [[stub]]")
            draft = draft.stubbed(others)
        elif not seen.reply.ok or not seen.events:
            raise _failed(draft, seen)
        elif not draft.service.get("method"):
            notes("request", f"{draft.http}: {seen.reply.message}")
            draft = _with_service(draft, seen, method, notes)
            if draft.ours:
                return _as_the_contract_has_it(environment, draft, folder)
        else:
            return _completed(draft, trial, seen, notes)
    raise TrialError(f"each of {ROUNDS} trials called more methods", "name the judged one with --method")


def _as_the_contract_has_it(environment: LoopbackEnvironment, draft: Draft, folder: Path) -> Draft:
    """Return the draft of a service whose request and method are the contract's, if its reply is, too."""
    _, seen = _tried(environment, draft, folder)
    if not seen.reply.ok:
        raise TrialError(
            f"the request and the method are the contract's, and the reply is not: {seen.reply.message}",
            "answer 200 with `id` and `served_by`, as the order service sent them",
        )
    return draft


def _tried(environment: LoopbackEnvironment, draft: Draft, folder: Path) -> tuple[Trial, Seen]:
    try:
        trial = Trial(environment, draft.subject(folder))
        return trial, trial.call()
    except SubjectFileError as error:
        raise CommandError(str(error)) from None
    except SubjectDiedError as error:
        raise TrialError(str(error), "look at what it printed: the request made it exit") from None
    except InconclusiveError as error:
        raise TrialError(str(error), _how_to_start(draft)) from None


def _how_to_start(draft: Draft) -> str:
    """Return what to look at if a service does not start, or does not listen where it should."""
    if not any(ADDRESS.search(text) for text in (*draft.command, *draft.environment.values())):
        return "give it its HTTP address with {http_address} or {http_port}, unless it reads HTTP_ADDRESS"
    return "run the command by hand from this folder, with addresses in place of the names in braces"


def _failed(draft: Draft, seen: Seen) -> TrialError:
    """Return why a call was not served, or called nothing."""
    answer = seen.reply.message
    if not seen.events and seen.reply.is_refusal:
        return TrialError(
            f"{draft.http} was refused, and no replica was called: {answer}",
            "--request, --body and --header change it; {uuid} and {number} are ids of another form",
        )
    if not seen.events:
        kind = "answered" if seen.reply.ok else "not served"
        return TrialError(
            f"{draft.http} was {kind}, and no replica was called: {seen.far} {answer}",
            "use a request that needs its backend, and pass {target} to its gRPC channel as it is",
        )
    called = ", ".join(seen.methods)
    return TrialError(
        f"{draft.http} was not served after it called {called}: {answer}",
        "a reply is empty unless you give one: `grpc-lb-conformance record` records real ones, for --replies=FILE",
    )


def _with_service(draft: Draft, seen: Seen, method: str, notes: Note) -> Draft:
    """Return a draft with the judged method, and with the others as stubs."""
    if (draft.http, draft.body) == CONTRACT and is_the_contracts(seen):
        notes("calls", "order.OrderService/GetOrder, as the contract has it: [call] and [service] are not required")
        return dataclasses.replace(draft, ours=True, found="the contract")
    methods = list(seen.methods)
    if method and method not in methods:
        raise TrialError(
            f"{draft.http} called {', '.join(methods)}, not {method}", f"--method=…{did_you_mean(method, methods)}"
        )
    once = [name for name in seen.carrying if seen.methods[name] == 1]
    chosen = method or next(iter(once or seen.carrying or methods))
    if seen.methods[chosen] > 1:
        raise TrialError(
            f"{draft.http} called {chosen} {seen.methods[chosen]} times, and is to call the judged method once",
            "another request, or --method=… with one that it calls once",
        )
    notes("calls", f"{chosen}: [service], which is judged")
    others = [name for name in methods if name != chosen]
    for name in others:
        carries = ", which carries the id, too: --method chooses it" if name in once else ""
        notes("", f"{name}: [[stub]]{carries}")
    return draft.judging(chosen, others)


def _completed(draft: Draft, trial: Trial, seen: Seen, notes: Note) -> Draft:
    """Return a draft with what remains to be found: how calls are told apart, and where a failure tells its code."""
    method = str(draft.service["method"])
    times = seen.methods.get(method, 0)
    if times != 1:
        raise TrialError(
            f"{draft.http} called {method} {times} times: one request is to make one call of it",
            "another request, or --method=… with a method that it calls once",
        )
    correlation = trial.correlation(seen)
    if correlation == NONE:
        raise TrialError(
            f"nothing of the request reaches {method}: its calls cannot be told apart",
            f"put {{id}} into a field that the service passes on, or have it pass on the header {TRACE}; with "
            "--write-anyway it is judged one call at a time",
        )
    notes("known by", correlation)
    draft = dataclasses.replace(draft, found=correlation)
    code = trial.code()
    if code is None:
        raise TrialError(
            f"{draft.http} is answered like a success when {method} fails",
            "choose a request whose status shows a failure",
        )
    where = {
        "": "where the contract looks for them",
        "none": "not in its answers: behaviours that need them are left out",
    }
    notes("codes", where.get(code, code))
    return dataclasses.replace(draft, code=code)


def _draft(options: argparse.Namespace, output: Path) -> Draft:
    """Return the draft that the options, and answers to prompts, describe. Raises CommandError."""
    command, request, body = _answers(options)
    try:
        variables, words = assigned(shlex.split(command))
    except ValueError as error:
        raise CommandError(f"the command is not one of a shell: {error}") from None
    if not words:
        raise CommandError("the command is empty")
    if request.partition(" ")[0] not in METHODS:
        request = f"GET {request}" if request.startswith("/") else request
    headers = dict(map(_header, options.header))
    if not any(part in text for part in CORRELATES for text in (request, body, *headers.values())):
        headers[TRACE] = f"{{{TRACE}}}"
    folder = output.resolve().parent
    language = options.language or language_of(library_of(folder, words).library)
    tables = _replies(options.replies)
    return Draft(
        name=options.name or (folder.name if words[0] in INTERPRETERS else Path(words[0]).name),
        command=words,
        http=request,
        environment=variables,
        headers=headers,
        body=body,
        ready=options.ready,
        language=language,
        service=tables.get("service", {}),
        stubs=tables.get("stub", []),
        files=dict(map(_file, options.file)),
    )


def _answers(options: argparse.Namespace) -> Sequence[str]:
    """Return command, request and body: as given, or as answered at a terminal."""
    given = [options.command, options.request, options.body]
    if options.command and options.request:
        return [options.command, options.request, options.body or ""]
    if not sys.stdin.isatty():
        raise CommandError("--command and --request are needed where there is no terminal to answer prompts")
    try:
        command, request, body = (
            value if value is not None else input(prompt).strip()
            for value, prompt in zip(given, PROMPTS.values(), strict=True)
        )
    except EOFError:
        raise CommandError("the prompts were not answered") from None
    return [command, request or CONTRACT[0], body]


def _file(text: str) -> tuple[str, str]:
    name, equals, path = text.partition("=")
    if not equals or not path:
        raise CommandError(f"--file={text}: must be as in --file=config=app.yaml, with {{config_file}} in the command")
    return name, path


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise CommandError(f"--header={text}: must be as in --header='X-Request-Id: {{id}}'")
    return name.strip(), value.strip()


def _replies(file: str) -> Mapping[str, Any]:
    if not file:
        return {}
    try:
        return read_tables(Path(file))
    except SubjectFileError as error:
        raise CommandError(str(error)) from None


def _parser() -> argparse.ArgumentParser:
    parser = Parser("init", "[OPTIONS]", DESCRIPTION)
    parser.add_argument("--command", metavar="CMD", help="what starts the service, from the folder of the file")
    parser.add_argument("--request", metavar="LINE", help='method and path, such as "POST /checkout"')
    parser.add_argument("--body", metavar="TEXT", help="the body of that request")
    parser.add_argument("--header", metavar="LINE", action="append", default=[], help="a header of it; repeatable")
    parser.add_argument("--method", metavar="NAME", default="", help="the judged method, if it calls several")
    parser.add_argument("--replies", metavar="FILE", default="", help="what `record` wrote")
    copied = "NAME=PATH: a file with placeholders; {NAME_file} is the path of its copy; repeatable"
    parser.add_argument("--file", metavar="NAME=PATH", action="append", default=[], help=copied)
    parser.add_argument("--ready", metavar="PATH", default="", help="where it answers 200 once it serves")
    parser.add_argument("--name", default="", help="in the report; default: the program's")
    parser.add_argument("--language", default="", help="whose settings are shown as fixes; default: seen in the build")
    parser.add_argument("--output", metavar="FILE", default="subject.toml", help="what is written (subject.toml)")
    parser.add_argument("--overwrite", action="store_true", help="replace the file if it exists")
    parser.add_argument("--write-anyway", action="store_true", help="write what is known if the trial fails")
    return parser
