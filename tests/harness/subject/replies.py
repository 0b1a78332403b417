"""
Replies that a subject file writes as protobuf's JSON, as parts of their message; and how its methods are described.

A part is bytes, in hex digits; None, the id of the call; or a list of a field's number and the parts in it. So a
replica answers each call with its id, and needs no description of any message (services/order/answers.py).
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import DecodeError, Message

from tests.harness.subject.tables import SubjectFileError
from tests.harness.subject.templates import check_names, pieces
from tests.harness.suggestion import did_you_mean

NEEDS_TOOLS = "protos needs grpcio-tools: pip install 'grpc-lb-conformance[protos]', or give descriptors instead"


@dataclass(frozen=True)
class Sources:
    """Where messages are described: in a file of descriptors, or in .proto files, relative to a folder."""

    folder: Path
    descriptors: str = ""
    protos: Sequence[str] = ()


def encoded(where: str, method: str, reply: Mapping[str, Any], sources: Sources) -> tuple[Any, ...]:
    """Return a reply of a method in parts. Raises SubjectFileError, with what the section `where` gets wrong."""
    message = message_factory.GetMessageClass(method_of(where, "method", method, "reply", sources).output_type)()
    try:
        return tuple(_parts(where, json_format.ParseDict(dict(reply), message)))
    except json_format.ParseError as error:
        raise SubjectFileError(f"{where} reply is not a {message.DESCRIPTOR.full_name}: {error}") from None


def method_of(where: str, key: str, method: str, needed_by: str, sources: Sources) -> MethodDescriptor:
    """
    Return the description of a method that the section `where` names by a key, and that another key needs.

    Raises SubjectFileError.
    """
    if bool(sources.descriptors) == bool(sources.protos):
        need = "either descriptors or protos" if sources.protos else "descriptors or protos, which describe its message"
        raise SubjectFileError(f"{where} {needed_by} needs {need}")
    files = _compiled(where, sources) if sources.protos else _read(where, sources.folder / sources.descriptors)
    pool = descriptor_pool.DescriptorPool()
    try:
        for file in files.file:
            pool.Add(file)
        names = [f"{file.package}.{each.name}".lstrip(".") for file in files.file for each in file.service]
        service, _, name = method.partition("/")
        if service not in names:
            near = did_you_mean(service, names)
            raise SubjectFileError(f"{where} {key} is {method!r}: no such service is described{near}")
        methods = pool.FindServiceByName(service).methods_by_name
        if name not in methods:
            near = did_you_mean(name, methods)
            raise SubjectFileError(f"{where} {key} is {method!r}: {service} has no such method{near}")
        return methods[name]
    except (TypeError, KeyError) as error:
        raise SubjectFileError(
            f"{where} descriptors are incomplete (--include_imports completes them): {error}"
        ) from None


def _parts(where: str, message: Message) -> Iterator[Any]:
    """Yield the parts of a message, field by field; maps, numbers and bytes have no templates in them."""
    for field, value in message.ListFields():
        written = _alone(message, field.name, value).SerializeToString(deterministic=True)
        is_text = field.type == field.TYPE_STRING
        if b"{" not in written or hasattr(value, "items") or not (is_text or field.message_type):
            yield written.hex()
            continue
        for item in value if field.is_repeated else [value]:
            if is_text:
                check_names(f"{where} reply {field.name}", item, ("id",))
                yield [field.number, [None if text is None else text.encode().hex() for text in pieces(item)]]
            else:
                yield [field.number, list(_parts(where, item))]


def _alone(message: Message, name: str, value: Any) -> Message:  # noqa: ANN401, of any field
    """Return a message of the same kind that has this field only."""
    alone = type(message)()
    if hasattr(value, "items"):
        getattr(alone, name).MergeFrom(value)
    elif hasattr(value, "extend"):
        getattr(alone, name).extend(value)
    elif isinstance(value, Message):
        getattr(alone, name).CopyFrom(value)
    else:
        setattr(alone, name, value)
    return alone


def _read(where: str, path: Path) -> descriptor_pb2.FileDescriptorSet:
    try:
        return descriptor_pb2.FileDescriptorSet.FromString(path.read_bytes())
    except OSError as error:
        raise SubjectFileError(f"{where} descriptors {path}: cannot be read: {error.strerror}") from None
    except DecodeError:
        hint = "protoc --include_imports --descriptor_set_out writes one"
        raise SubjectFileError(f"{where} descriptors {path}: is not a file of descriptors; {hint}") from None


def _compiled(where: str, sources: Sources) -> descriptor_pb2.FileDescriptorSet:
    try:
        from grpc_tools import protoc  # noqa: PLC0415, an extra
    except ImportError:
        raise SubjectFileError(f"{where} {NEEDS_TOOLS}") from None
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "descriptors"
        arguments = [
            "protoc",
            f"--proto_path={sources.folder}",
            f"--proto_path={Path(protoc.__file__).parent / '_proto'}",
        ]
        status = protoc.main([*arguments, "--include_imports", f"--descriptor_set_out={made}", *sources.protos])
        if status:
            raise SubjectFileError(
                f"{where} protos {', '.join(sources.protos)}: protoc does not compile them; see above"
            )
        return _read(where, made)
