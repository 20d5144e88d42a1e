"""The wheel holds everything, and works where there is no checkout."""

import email.parser
import os
import re
import subprocess
import sys
import sysconfig
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import easyseg

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder `easyseg` of what git tracks, so that nothing lying about gets in by chance."""
    source = tmp_path_factory.mktemp("projects") / "easyseg"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True,
    ).stdout.decode().split("\0")  # fmt: skip
    for name in filter(None, listed):
        if (ROOT / name).is_file() and not name.startswith("tests/"):
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    return source


@pytest.fixture(scope="module")
def wheel(clone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that is built through the source distribution, which so carries all it needs."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder)]
    subprocess.run([*command, str(clone)], check=True, capture_output=True)
    return next(folder.glob("easyseg-*.whl"))


@pytest.fixture(scope="module")
def editable_wheel(clone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `pip install -e` makes of the clone, with the setuptools at hand."""
    folder = tmp_path_factory.mktemp("editable")
    code = f"from setuptools.build_meta import build_editable; build_editable({str(folder)!r})"
    subprocess.run([sys.executable, "-c", code], cwd=clone, check=True, capture_output=True)
    return next(folder.glob("easyseg-*.whl"))


@dataclass(frozen=True)
class Environment:
    """A new environment: everything but easyseg is borrowed from the running one, off the network.

    Attributes:
        scripts: Its folder of programs.
        variables: For the programs in it: no trace of the running one, no download.
        home: Where easyseg keeps what it fetches.
    """

    scripts: Path
    variables: dict[str, str]
    home: Path

    def run(self, program: str, *arguments: str | Path, cwd: Path) -> str:
        done = subprocess.run(
            [self.scripts / program, *arguments], cwd=cwd, env=self.variables,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def environment_with(wheel: Path, folder: Path) -> Environment:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "v")], check=True)
    scripts = folder / "v" / ("Scripts" if os.name == "nt" else "bin")
    python = scripts / "python"
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "-q"]
    subprocess.run([*install, str(wheel)], check=True)
    variables = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    variables |= {"EASYSEG_HOME": str(folder / "home"), "EASYSEG_OFFLINE": "1"}
    environment = Environment(scripts, variables, folder / "home")
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    target = environment.run("python", "-c", where, cwd=folder).strip()
    # A path in a .pth file is searched, but the .pth files in it (an editable easyseg) are not run.
    borrowed = {sysconfig.get_path("purelib"), str(Path(np.__file__).parents[1])}
    (Path(target) / "borrowed.pth").write_text("\n".join(sorted(borrowed)) + "\n")
    return environment


def test_the_wheel_lists_what_it_needs_and_carries_the_weights(wheel: Path):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        metadata = archive.read(next(n for n in names if n.endswith(".dist-info/METADATA")))
        scripts = archive.read(next(n for n in names if n.endswith("entry_points.txt"))).decode()
    headers = email.parser.BytesParser().parsebytes(metadata)
    required = {
        line.split(">")[0].replace("_", "-")  # as older setuptools writes it
        for line in headers.get_all("Requires-Dist", [])
        if "extra ==" not in line
    }
    assert required == {
        "torch", "opencv-python", "pillow", "numpy", "requests", "tqdm", "filelock", "av",
        "safetensors", "typing-extensions",
    }  # fmt: skip
    assert headers["Requires-Python"] == ">=3.10"
    assert "easyseg = easyseg.cli:main" in scripts
    assert "easyseg/py.typed" in names
    assert "easyseg/weights/SHA256SUMS" in names
    assert {n for n in names if n.endswith(".pt")} == {
        f"easyseg/weights/{p.name}" for p in (ROOT / "weights").glob("*.pt")
    }
    assert not [n for n in names if n.startswith(("tests/", "weights/", "examples/"))]


def test_the_wheel_segments_in_a_clean_environment(wheel: Path, tmp_path: Path):
    environment = environment_with(wheel, tmp_path)
    picture = ROOT / "examples" / "images" / "chelsea.jpg"
    out = tmp_path / "cat.png"
    printed = environment.run("easyseg", picture, "--dataset", "voc", "-o", out, cwd=tmp_path)
    assert "cat" in printed
    assert out.stat().st_size > 1000
    where = "import easyseg, easyseg.weights; print(easyseg.__file__, easyseg.weights.__file__)"
    found = environment.run("python", "-c", where, cwd=tmp_path).split()
    assert all(path.startswith(str(tmp_path)) for path in found)
    # Nothing was downloaded; OpenVINO, where it is borrowed too, keeps what it has converted.
    assert {path.name for path in environment.home.glob("*")} <= {"openvino"}


def test_an_editable_install_is_the_plain_path_of_the_clone(clone: Path, editable_wheel: Path):
    """No import hook: type checkers do not run one, and a folder `easyseg` comes before it."""
    with zipfile.ZipFile(editable_wheel) as archive:
        names = [n for n in archive.namelist() if ".dist-info/" not in n]
        lines = [line for n in names for line in archive.read(n).decode().splitlines()]
    assert [Path(name).suffix for name in names] == [".pth"]
    assert [Path(line) for line in lines] == [clone]


def test_an_editable_install_works_beside_the_clone(
    clone: Path, editable_wheel: Path, tmp_path: Path
):
    environment = environment_with(editable_wheel, tmp_path)
    code = """if True:
        import easyseg
        from easyseg.engine import loader
        print(easyseg.__file__)
        print(loader.built_in_file(easyseg.registry.resolve("builtin", "voc")).parent)
    """
    found = environment.run("python", "-c", code, cwd=clone.parent).splitlines()
    assert found == [str(clone / "easyseg" / "__init__.py"), str(clone / "weights")]
    version = environment.run("python", "-m", "easyseg", "--version", cwd=clone.parent)
    assert version == f"easyseg {easyseg.__version__}\n"


USES = """
import easyseg

easyseg.segment("a.jpg", dataset="voc").mask("cat")
easyseg.segment_video("a.mp4", "b.mp4", alpha=0.5)
"""
MISUSES = {
    "segmnt": """easyseg.segmnt("a.jpg")""",
    "alfa": """easyseg.segment_video("a.mp4", "b.mp4", alfa=0.5)""",
}


@pytest.fixture(scope="module")
def checkers(clone: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """What a user makes: a new environment, activated, with `pip install -e` and type checkers."""
    folder = tmp_path_factory.mktemp("checkers")
    subprocess.run([sys.executable, "-m", "venv", str(folder / "v")], check=True)
    scripts = folder / "v" / ("Scripts" if os.name == "nt" else "bin")
    path = os.pathsep.join([str(scripts), os.environ["PATH"]])
    environment = Environment(scripts, os.environ | {"PATH": path}, folder)
    needed = ["-c", ROOT / "constraints.txt", "-e", clone, "mypy", "pyright[nodejs]"]
    environment.run("python", "-m", "pip", "install", "-q", *needed, cwd=folder)
    return environment


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_type_checkers_see_an_editable_install_from_elsewhere(
    checker: str, clone: Path, checkers: Environment
):
    program = clone.parent / "program.py"
    program.write_text(USES)
    checkers.run("python", "-m", checker, program, cwd=clone.parent)
    for word, misuse in MISUSES.items():
        program.write_text(USES + misuse)
        with pytest.raises(AssertionError, match=word):
            checkers.run("python", "-m", checker, program, cwd=clone.parent)


def test_checksums_are_those_of_the_files():
    import hashlib

    listed = {}
    for line in (ROOT / "weights" / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split()
        listed[name] = digest
    files = {
        p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in (ROOT / "weights").glob("*.pt")
    }
    assert listed == files
    assert all((ROOT / "weights" / name).stat().st_size < 8_000_000 for name in files)


def test_the_dockerfile_finds_what_it_names():
    text = (ROOT / "Dockerfile").read_text("utf-8")
    for source in re.findall(r"^COPY (?!--from)(\S+)", text, re.M):
        assert (ROOT / source).exists(), source
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert not {"easyseg", "weights", "examples", "setup.py", "README.md"} & set(ignored)
    pattern = re.search(r"sed -n 's/(\S+)//p' /src/constraints.txt", text)
    assert pattern
    pinned = [
        line for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines()
        if re.match(pattern.group(1), line)
    ]  # fmt: skip
    assert [line.partition("==")[0] for line in pinned] == ["opencv-python"]
