"""[service] and [[stub]] of a subject file: what replicas answer, and what a mistake is told."""

import json
import sys
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2

from services.order.answers import Answers
from services.order.faults import field_of
from tests.harness.subject.service import ANSWERS, Service
from tests.harness.subject.subject import Subject
from tests.harness.subject.tables import SubjectFileError

PROTO = """
syntax = "proto3";
package shop.v1;
service Stock { rpc Reserve(Empty) returns (Reserved); rpc Release(Empty) returns (Empty); }
message Empty {}
message Reserved { string reservation = 1; int32 left = 2; }
"""


def read(folder: Path, text: str) -> Subject:
    """Read a subject file with this text."""
    (folder / "subject.toml").write_text(text, encoding="utf-8")
    return Subject.from_file(folder / "subject.toml")


def service_of(folder: Path, text: str) -> Service:
    """Return the service that this text describes."""
    service = read(folder, text).service
    assert service
    return service


def answers_of(service: Service) -> Answers:
    """Return what an order service reads of it."""
    answers = Answers.if_set(service.variables, ANSWERS)
    assert answers
    return answers


def test_replicas_answer_what_is_described(tmp_path: Path) -> None:
    """The judged method with bytes, a stub with the empty message."""
    service = service_of(
        tmp_path,
        """
        [service]
        method = "shop.v1.Stock/Reserve"
        reply_hex = "0a02 6f6b"
        [[stub]]
        method = "shop.v1.Users/Get"
        """,
    )

    assert answers_of(service) == Answers(
        "/shop.v1.Stock/Reserve", {"/shop.v1.Stock/Reserve": (b"\x0a\x02ok",)}, frozenset({"/shop.v1.Users/Get"})
    )
    assert answers_of(service_of(tmp_path, "[service]\n")) == Answers()


def test_a_reply_in_json_is_compiled_from_protos(tmp_path: Path) -> None:
    """As protobuf's JSON has it; a stub has its own, of the files that [service] names."""
    (tmp_path / "stock.proto").write_text(PROTO, encoding="utf-8")
    service = service_of(
        tmp_path,
        """
        [service]
        method = "shop.v1.Stock/Release"
        protos = ["stock.proto"]
        [[stub]]
        method = "shop.v1.Stock/Reserve"
        reply = { reservation = "r", left = 3 }
        """,
    )

    assert answers_of(service).reply("/shop.v1.Stock/Reserve", "o1-1") == b"\x0a\x01r\x10\x03"


def test_a_reply_may_have_the_id_of_its_call(tmp_path: Path) -> None:
    """In any text of it, lists and nested messages included; braces elsewhere are no templates."""
    proto = """
    syntax = "proto3";
    package a;
    service S { rpc Do(M) returns (M); }
    message M { string text = 1; repeated string texts = 2; M nested = 3; map<string, string> map = 4;
        bytes raw = 5; repeated int32 numbers = 6; }
    """
    (tmp_path / "a.proto").write_text(proto, encoding="utf-8")
    text = """
    [service]
    method = "a.S/Do"
    protos = ["a.proto"]
    [service.reply]
    text = "r-{id}!"
    texts = ["{id}", "{{id}}", ""]
    nested = { nested = { text = "{id}" }, numbers = [1, 2] }
    map = { k = "{id}" }
    raw = "eyJ9"
    numbers = [3]
    """
    told = answers_of(service_of(tmp_path, text)).reply("/a.S/Do", "o1-7~OK")

    id_ = b"o1-7~OK"
    inner = field_of(3, field_of(1, id_)) + b"\x32\x02\x01\x02"
    texts = field_of(2, id_) + field_of(2, b"{id}") + field_of(2, b"")
    pair = field_of(4, field_of(1, b"k") + field_of(2, b"{id}"))
    assert (
        told
        == field_of(1, b"r-" + id_ + b"!") + texts + field_of(3, inner) + pair + field_of(5, b'{"}') + b"\x32\x01\x03"
    )


def test_a_reply_in_json_is_read_by_descriptors(tmp_path: Path) -> None:
    """Which need no compiler."""
    file = descriptor_pb2.FileDescriptorProto(name="a.proto", package="a", syntax="proto3")
    message = file.message_type.add(name="M")
    message.field.add(name="text", number=4, type="TYPE_STRING", label="LABEL_OPTIONAL")
    file.service.add(name="S").method.add(name="Do", input_type=".a.M", output_type=".a.M")
    (tmp_path / "a.binpb").write_bytes(descriptor_pb2.FileDescriptorSet(file=[file]).SerializeToString())
    text = '[service]\nmethod = "a.S/Do"\ndescriptors = "a.binpb"\nreply = { text = "x" }'

    assert service_of(tmp_path, text).judged.reply == ("220178",)


def test_without_grpcio_tools_one_line_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an extra: descriptors do without."""
    monkeypatch.setitem(sys.modules, "grpc_tools", None)
    text = '[service]\nmethod = "a.S/Do"\nprotos = ["a.proto"]\nreply = { text = "x" }'
    with pytest.raises(
        SubjectFileError, match=r"protos needs grpcio-tools: pip install 'grpc-lb-conformance\[protos\]'"
    ):
        read(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            '[service]\nmethod = "Reserve"',
            "[service] method is 'Reserve': must be as in \"inventory.v2.Inventory/Reserve\"",
        ),
        ('[service]\nmethod = "/a.S/Do"', "[service] method is '/a.S/Do'"),
        ('[service]\nmetod = "a.S/Do"', "unknown key in [service]: 'metod'; did you mean 'method'?"),
        ('[service]\nreply_hex = "00"', "[service] has a reply and no method"),
        ('[service]\nmethod = "a.S/Do"\nreply_hex = "0"', "[service] reply_hex has '0': must be pairs of hex digits"),
        (
            '[service]\nmethod = "a.S/Do"\nreply_hex = ""\nreply = {}',
            "[service] reply and reply_hex are mutually exclusive",
        ),
        ('[service]\nmethod = "a.S/Do"\nreply = {}', "[service] reply needs descriptors or protos"),
        ('[service]\nmethod = "a.S/Do"\nreply = {}\ndescriptors = "no"', "[service] descriptors "),
        (
            '[service]\nmethod = "shop.v1.Stok/Reserve"\nreply = {}\nprotos = ["stock.proto"]',
            "[service] method is 'shop.v1.Stok/Reserve': no such service is described; did you mean 'shop.v1.Stock'?",
        ),
        (
            '[service]\nmethod = "shop.v1.Stock/Reserv"\nreply = {}\nprotos = ["stock.proto"]',
            "[service] method is 'shop.v1.Stock/Reserv': shop.v1.Stock has no such method; did you mean 'Reserve'?",
        ),
        (
            '[service]\nmethod = "shop.v1.Stock/Reserve"\nreply = { left = "x" }\nprotos = ["stock.proto"]',
            "[service] reply is not a shop.v1.Reserved: ",
        ),
        (
            '[service]\nmethod = "shop.v1.Stock/Reserve"\nreply = {}\nprotos = ["broken.proto"]',
            "[service] protos broken.proto: protoc does not compile them",
        ),
        (
            '[service]\nmethod = "shop.v1.Stock/Reserve"\nreply = { reservation = "{uuid}" }\nprotos = ["stock.proto"]',
            "[service] reply reservation has an unknown placeholder {uuid}; did you mean 'id'?",
        ),
        ('[[stub]]\nmethod = "a.S/Do"', "[service] has no method: with a [[stub]] it must name the one that is judged"),
        ('[service]\nmethod = "a.S/Do"\n[[stub]]\nreply_hex = ""', "[[stub]] has no method"),
        ("stub = 1", "stub must be a list of tables: [[stub]]"),
        (
            "[subject]\ntier = 2\n[service]\n",
            "[service] has no method: service configs of a tier 2 subject need its name",
        ),
    ],
)
def test_a_mistake_is_one_line(tmp_path: Path, text: str, told: str) -> None:
    """It names the file, the key, and what is expected or nearest."""
    (tmp_path / "stock.proto").write_text(PROTO, encoding="utf-8")
    (tmp_path / "broken.proto").write_text("syntax", encoding="utf-8")
    with pytest.raises(SubjectFileError) as refused:
        read(tmp_path, text)

    assert str(refused.value).startswith(f"{tmp_path / 'subject.toml'}: {told}")
    assert "\n" not in str(refused.value)


def test_a_subject_of_its_own_need_not_name_who_served(tmp_path: Path) -> None:
    """The ledgers tell."""
    assert not read(tmp_path, "[call]\n").has("served_by")
    assert not read(tmp_path, "[service]\n").has("served_by")
    assert read(tmp_path, "").has("served_by")


def test_variables_of_replicas_are_json(tmp_path: Path) -> None:
    """As services/order/answers.py reads it."""
    assert json.loads(service_of(tmp_path, "[service]\n").variables[ANSWERS]) == {
        "judged": "",
        "replies": {},
        "stubs": [],
    }
