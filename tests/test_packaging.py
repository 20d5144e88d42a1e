"""The wheel holds everything, and works where there is no checkout."""

import email.parser
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from what git tracks, so that nothing lying about gets in by chance."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True,
    ).stdout.decode().split("\0")  # fmt: skip
    for name in filter(None, listed):
        if (ROOT / name).is_file() and not name.startswith("tests/"):
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    subprocess.run([*command, str(source)], check=True, capture_output=True)
    return next(folder.glob("easyseg-*.whl"))


def test_the_wheel_lists_what_it_needs_and_carries_the_weights(wheel: Path):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        metadata = archive.read(next(n for n in names if n.endswith(".dist-info/METADATA")))
        scripts = archive.read(next(n for n in names if n.endswith("entry_points.txt"))).decode()
    headers = email.parser.BytesParser().parsebytes(metadata)
    required = {
        line.split(">")[0]
        for line in headers.get_all("Requires-Dist", [])
        if "extra ==" not in line
    }
    assert required == {
        "torch", "opencv-python", "pillow", "numpy", "requests", "tqdm", "filelock", "av",
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
    """Everything but easyseg itself is borrowed from this environment, to stay off the network."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "v")], check=True)
    scripts = tmp_path / "v" / ("Scripts" if os.name == "nt" else "bin")
    python = scripts / "python"
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "-q"]
    subprocess.run([*install, str(wheel)], check=True)
    target = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True, capture_output=True, text=True,
    ).stdout.strip()  # fmt: skip
    # A path in a .pth file is searched, but the .pth files in it (an editable easyseg) are not run.
    borrowed = {sysconfig.get_path("purelib"), str(Path(np.__file__).parents[1])}
    (Path(target) / "borrowed.pth").write_text("\n".join(borrowed) + "\n")
    picture = ROOT / "examples" / "images" / "chelsea.jpg"
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    environment |= {"EASYSEG_HOME": str(tmp_path / "home"), "EASYSEG_OFFLINE": "1"}
    done = subprocess.run(
        [scripts / "easyseg", str(picture), "--dataset", "voc", "-o", str(tmp_path / "cat.png")],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "cat" in done.stdout
    assert (tmp_path / "cat.png").stat().st_size > 1000
    where = "import easyseg, easyseg.weights; print(easyseg.__file__, easyseg.weights.__file__)"
    found = subprocess.run(
        [python, "-c", where], cwd=tmp_path, env=environment, check=True, capture_output=True,
        text=True,
    ).stdout.split()  # fmt: skip
    assert all(path.startswith(str(tmp_path)) for path in found)
    # Nothing was downloaded; OpenVINO, where it is borrowed too, keeps what it has converted.
    assert {path.name for path in (tmp_path / "home").glob("*")} <= {"openvino"}


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
