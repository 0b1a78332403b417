"""Which gRPC library a gateway is built with, read from what its build reads."""

import re
from pathlib import Path

import grpc
import pytest

from tests.harness.paths import ROOT
from tests.harness.report.version import suite_version
from tests.harness.subject.grpc_library import STATED, Seen, library_for, library_of
from tests.harness.subject.subject import Subject

LOCKS = {
    "go.mod": ("module x\n\nrequire (\n\tgoogle.golang.org/grpc v1.85.0\n)\n", "grpc-go 1.85.0"),
    "package-lock.json": (
        '{"packages": {\n    "node_modules/@grpc/grpc-js": {\n      "version": "1.14.4"}}}',
        "@grpc/grpc-js 1.14.4",
    ),
    "Cargo.lock": (
        '[[package]]\nname = "tonic"\nversion = "0.14.6"\n\n[[package]]\nname = "tonic-prost"\n',
        "tonic 0.14.6",
    ),
    "pom.xml": ("<properties><grpc.version>1.84.0</grpc.version></properties>", "grpc-java 1.84.0"),
    "Gateway.csproj": ('<PackageReference Include="Grpc.Net.Client" Version="2.76.0" />', "Grpc.Net.Client 2.76.0"),
    "yarn.lock": (
        '"@grpc/grpc-js@^1.9.0", "@grpc/grpc-js@~1.14.0":\n  version "1.14.4"\n  resolved "x"\n',
        "@grpc/grpc-js 1.14.4",
    ),
    "pnpm-lock.yaml": (
        "packages:\n\n  '@grpc/grpc-js@1.14.4':\n    resolution: {integrity: x}\n",
        "@grpc/grpc-js 1.14.4",
    ),
    "gradle.lockfile": ("io.grpc:grpc-api:1.84.0=runtimeClasspath\n", "grpc-java 1.84.0"),
    "build.gradle.kts": ('implementation(platform("io.grpc:grpc-bom:1.84.0"))\n', "grpc-java 1.84.0"),
    "packages.lock.json": (
        '"Grpc.Net.Client": {\n "type": "Direct",\n "requested": "[2.70.0, )",\n "resolved": "2.76.0",',
        "Grpc.Net.Client 2.76.0",
    ),
    "Directory.Packages.props": (
        '<PackageVersion Include="Grpc.Net.Client" Version="2.76.0" />',
        "Grpc.Net.Client 2.76.0",
    ),
    "uv.lock": ('[[package]]\nname = "grpcio"\nversion = "1.85.1"\n', "grpcio 1.85.1"),
    "poetry.lock": ('[[package]]\nname = "grpcio"\nversion = "1.85.1"\n', "grpcio 1.85.1"),
    "Pipfile.lock": ('"grpcio": {\n "hashes": ["sha256:0"],\n "version": "==1.85.1"\n}', "grpcio 1.85.1"),
    "requirements.txt": ("grpcio-health-checking==1.80.0\ngrpcio==1.85.1 \\\n    --hash=sha256:0", "grpcio 1.85.1"),
}


@pytest.mark.parametrize("name", LOCKS)
def test_the_lock_file_tells_library_and_version(tmp_path: Path, name: str) -> None:
    """Each kind of lock file is understood as its tool writes it."""
    text, library = LOCKS[name]
    (tmp_path / name).write_text(text, encoding="utf-8")

    assert library_of(tmp_path) == Seen(library, name)


def test_a_bom_in_a_pom_tells_the_version_too(tmp_path: Path) -> None:
    """A version that stands in the BOM itself is found without a property."""
    bom = "<dependency><artifactId>grpc-bom</artifactId>\n  <version>1.84.0</version></dependency>"
    (tmp_path / "pom.xml").write_text(bom, encoding="utf-8")

    assert library_of(tmp_path).library == "grpc-java 1.84.0"


def test_without_a_lock_file_the_library_is_not_known(tmp_path: Path) -> None:
    """Nothing is guessed: neither from an empty folder nor from a lock file that names no gRPC library."""
    (tmp_path / "go.mod").write_text("module x\n", encoding="utf-8")

    assert library_of(tmp_path) == Seen()


def test_what_python_runs_has_the_library_of_the_suite(tmp_path: Path) -> None:
    """`python` in a subject's command is the one that runs the suite."""
    assert library_of(tmp_path, ("python", "-m", "services.gateway")).library == f"grpcio {grpc.__version__}"


@pytest.mark.parametrize("file", sorted(ROOT.glob("services/**/subject.toml")), ids=lambda file: str(file.parent.name))
def test_each_gateway_of_the_repository_tells_its_library(file: Path) -> None:
    """The matrix names the library of each."""
    assert Subject.from_file(file).library


def test_the_suite_names_its_version_and_its_commit(tmp_path: Path) -> None:
    """Both in a repository; without one the version alone."""
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "1.2.3"\n', encoding="utf-8")

    assert suite_version(tmp_path) == "1.2.3"
    if (ROOT / ".git").exists():
        assert re.fullmatch(r"[0-9.]+ \([0-9a-f]{7,}(-dirty)?\)", suite_version(ROOT))


def test_a_program_built_by_go_tells_its_library(tmp_path: Path) -> None:
    """Go writes the modules into it, so no lock file is needed."""
    build = b"path\tgateway\nmod\tgateway\t(devel)\t\ndep\tgoogle.golang.org/grpc\tv1.85.0\th1:x=\n"
    (tmp_path / "gateway").write_bytes(b"\x7fELF" + b"\0" * 100 + build)
    (tmp_path / "script").write_bytes(b"#!/bin/sh\n" + build)
    (tmp_path / "empty").touch()

    assert library_of(tmp_path, ("./gateway", "--port=1")) == Seen("grpc-go 1.85.0", "the program ./gateway")
    assert [library_of(tmp_path, (name,)) for name in ("./script", "./empty", "absent", ".")] == [Seen()] * 4


def test_an_installed_package_tells_its_version(tmp_path: Path) -> None:
    """Where npm installed it, even if no lock file is kept."""
    package = tmp_path / "node_modules" / "@grpc" / "grpc-js" / "package.json"
    package.parent.mkdir(parents=True)
    package.write_text('{"name": "@grpc/grpc-js", "version": "1.14.7"}', encoding="utf-8")

    assert library_of(tmp_path).library == "@grpc/grpc-js 1.14.7"


def test_a_program_of_python_has_the_library_of_its_virtual_environment(tmp_path: Path) -> None:
    """Its interpreter, or a script that it runs; another program in the same folder has not."""
    (tmp_path / "lib" / "python3.13" / "site-packages" / "grpcio-1.85.3.dist-info").mkdir(parents=True)
    (tmp_path / "bin").mkdir()
    for name, text in (("python3", "x"), ("board", "#!/v/bin/python3\n"), ("tool", "#!/bin/sh\npython\n")):
        (tmp_path / "bin" / name).write_text(text, encoding="utf-8")
    seen = [library_of(tmp_path, (f"bin/{name}",)).library for name in ("python3", "board", "tool", "none")]

    assert seen == ["grpcio 1.85.3", "grpcio 1.85.3", "", ""]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("go.mod", "require google.golang.org/grpc v1.80.1-0.20260101000000-abcdefabcdef\n"),
        ("go.mod", "require google.golang.org/grpc v1.80.0\nreplace google.golang.org/grpc => ../fork\n"),
        ("go.mod", "replace (\n\tgoogle.golang.org/grpc v1.80.0 => example.com/grpc v1.1.0\n)\n"),
        ("yarn.lock", '"@grpc/grpc-js@^1.9":\n  version "1.9.1"\n"@grpc/grpc-js@^1.14":\n  version "1.14.4"\n'),
        ("Cargo.lock", 'name = "tonic"\nversion = "0.13.1"\n\nname = "tonic"\nversion = "0.14.6"\n'),
        ("Cargo.lock", 'name = "tonic"\nversion = "0.15.0-alpha.1"\n'),
        ("Gateway.csproj", '<PackageReference Include="Grpc.Net.Client" Version="2.*" />'),
        ("Gateway.csproj", '<PackageReference Include="Grpc.Net.Client" Version="[2.70,3.0)" />'),
        ("requirements.txt", "grpcio>=1.60\n"),
        ("requirements.txt", "grpcio==1.60.*\n"),
        ("pom.xml", "<grpc.version>[1.60,)</grpc.version>"),
        ("package.json", '{"dependencies": {"@grpc/grpc-js": "^1.14.0"}}'),
    ],
)
def test_a_version_that_is_not_certain_is_none(tmp_path: Path, name: str, text: str) -> None:
    """A range, a commit, a replaced module, a version before its release, or two versions."""
    (tmp_path / name).write_text(text, encoding="utf-8")

    assert library_of(tmp_path) == Seen()


def test_two_libraries_are_none(tmp_path: Path) -> None:
    """A folder with two programs does not tell which of them is the gateway; two files that agree do."""
    for name in ("go.mod", "package-lock.json"):
        (tmp_path / name).write_text(LOCKS[name][0], encoding="utf-8")
    (agreeing := tmp_path / "agreeing").mkdir()
    for name in ("uv.lock", "requirements.txt"):
        (agreeing / name).write_text(LOCKS[name][0], encoding="utf-8")

    assert library_of(tmp_path) == Seen()
    assert library_of(agreeing).library == "grpcio 1.85.1"


def test_what_runs_counts_more_than_a_lock_file(tmp_path: Path) -> None:
    """The lock file may have changed since the program was built."""
    (tmp_path / "go.mod").write_text(LOCKS["go.mod"][0], encoding="utf-8")
    (tmp_path / "gateway").write_bytes(b"\x7fELF\ndep\tgoogle.golang.org/grpc\tv1.60.0\th1:x=\n")

    assert library_of(tmp_path, ("./gateway",)).library == "grpc-go 1.60.0"


def test_a_program_with_a_replaced_module_is_not_known(tmp_path: Path) -> None:
    """It has another library than its version names."""
    build = b"\x7fELF\ndep\tgoogle.golang.org/grpc\tv1.60.0\n=>\texample.com/grpc\tv1.1.0\th1:x=\n"
    (tmp_path / "gateway").write_bytes(build)

    assert library_of(tmp_path, ("./gateway",)) == Seen()


def test_lock_files_may_lie_where_the_script_or_the_build_is(tmp_path: Path) -> None:
    """And not in another folder."""
    for place in ("app/src", "image", "other"):
        (tmp_path / place).mkdir(parents=True)
    (tmp_path / "app" / "src" / "main.js").touch()
    (tmp_path / "app" / "package-lock.json").write_text(LOCKS["package-lock.json"][0], encoding="utf-8")
    (tmp_path / "image" / "go.mod").write_text(LOCKS["go.mod"][0], encoding="utf-8")
    (tmp_path / "other" / "Cargo.lock").write_text(LOCKS["Cargo.lock"][0], encoding="utf-8")

    assert library_of(tmp_path, ("node", "app/src/main.js")) == Seen("@grpc/grpc-js 1.14.4", "app/package-lock.json")
    assert library_of(tmp_path, build="image") == Seen("grpc-go 1.85.0", "image/go.mod")
    assert library_of(tmp_path) == Seen()


def test_an_argument_that_can_be_no_path_is_no_script(tmp_path: Path) -> None:
    """One that is too long for a file system, or has a null byte."""
    (tmp_path / "run.sh").write_text("#!/bin/sh\n", encoding="utf-8")

    assert library_of(tmp_path, ["./run.sh", "x" * 300, "a\0b"]) == Seen()


def test_a_library_of_another_language_is_not_the_gateways(tmp_path: Path) -> None:
    """The file of the subject states the language; the lock file next to it is of something else."""
    (tmp_path / "go.mod").write_text(LOCKS["go.mod"][0], encoding="utf-8")

    assert library_for("", tmp_path, language="golang").library == "grpc-go 1.85.0"
    assert library_for("", tmp_path, language="python") == library_for("", tmp_path, language="dart") == Seen()


def test_what_is_stated_counts_and_is_completed_by_what_is_seen(tmp_path: Path) -> None:
    """The version, if it is the same library."""
    (tmp_path / "go.mod").write_text(LOCKS["go.mod"][0], encoding="utf-8")

    assert library_for("grpc-go", tmp_path) == Seen("grpc-go 1.85.0", "go.mod")
    assert library_for("grpc-go 1.60.0", tmp_path) == Seen("grpc-go 1.60.0", STATED)
    assert library_for("none", tmp_path) == Seen("none", STATED)
