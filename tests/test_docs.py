"""Everything that the README and the documentation show is run."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from pages import blocks, commands

from easyseg.pictures import image as media
from easyseg.videos.source import VideoInfo
from easyseg.videos.video_sink import VideoSink

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = blocks(README)
PYTHON = [block.code for block in BLOCKS if block.language == "python"]
# The two commands of the installation are run by .ci/run.
COMMANDS = [
    command
    for block in BLOCKS
    if block.language == "bash" and block.marker not in {"install", "tests"}
    for command in commands(block)
]
PAGES = [
    str(path)
    for path in sorted((ROOT / "docs").rglob("*.md"))
    if {"python", "bash"} & {block.language for block in blocks(path.read_text("utf-8"))}
]


# Where there is no network, ADE20K's "fast" falls back to the built-in model and warns.
STRICT = ["-W", "error", "-W", "ignore:the 'fast' model"]


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of a photograph that moves past."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    picture = media.resize(media.read(ROOT / "examples" / "images" / "chelsea.jpg"), (120, 180))
    info = VideoInfo(128, 96, Fraction(12), Fraction(1, 12), 24, 2.0, "none", (), (), 0)
    with VideoSink(path, info) as sink:
        for number in range(24):
            window = picture[10:106, number : number + 128]
            sink.write(np.ascontiguousarray(window), Fraction(number, 12))
    return path


EXAMPLES = sorted(path.name for path in (ROOT / "examples").glob("*.py"))
EXAMPLES.remove("pictures.py")  # makes the README's own pictures

NOTEBOOKS = sorted(path.name for path in (ROOT / "examples").glob("*.ipynb"))

RUN_NOTEBOOK = """
import sys, nbclient, nbformat

book = nbformat.read(sys.argv[1], 4)
nbclient.NotebookClient(book, timeout=300, kernel_name="python3").execute()
outputs = [output for cell in book.cells for output in cell.get("outputs", ())]
told = [output.text for output in outputs if output.get("name") == "stderr"]
assert not told, told
print(*sorted({kind for output in outputs for kind in output.get("data", ())}))
"""

TESTS = {
    "test_python": lambda number: [sys.executable, *STRICT, "-c", PYTHON[number]],
    "test_command_line": lambda number: ["bash", "-c", COMMANDS[number]],
    # Two processes: most of the time of one for each page would be their start.
    "test_pages": lambda half: [
        *[sys.executable, *STRICT, str(ROOT / "tests" / "pages.py")],
        *PAGES[half::2],
    ],
    "test_notebooks": lambda name: [
        *[sys.executable, "-c", RUN_NOTEBOOK, str(ROOT / "examples" / name)]
    ],
    "test_examples": lambda name: [sys.executable, *STRICT, str(ROOT / "examples" / name)],
}
"""What each test runs, by its parameter."""

Ran = tuple[Path, set[Path], "subprocess.CompletedProcess[str]"]
"""The folder, what was in it before, and how the process ended."""


@pytest.fixture(scope="session")
def processes(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, clip: Path
) -> Iterator[dict[str, "Future[Ran]"]]:
    """Runs all that was selected, two processes at a time: most of their time is their start."""
    with ThreadPoolExecutor(2) as pool:
        started = {}
        for item in request.session.items:
            make = TESTS.get(getattr(item, "originalname", ""))
            if make is not None and item.path == Path(__file__):
                command = make(*item.callspec.params.values())
                folder = tmp_path_factory.mktemp("reader")
                started[item.name] = pool.submit(run_in, folder, clip, command)
        yield started


@pytest.fixture
def ran(request: pytest.FixtureRequest, processes: dict[str, "Future[Ran]"]) -> Ran:
    """The process of this test, ended without an error."""
    folder, before, done = processes[request.node.name].result()
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, before, done


def run_in(folder: Path, clip: Path, command: list[str]) -> Ran:
    furnish(folder, clip)
    before = set(folder.rglob("*"))
    return folder, before, run(command, folder)


def furnish(tmp_path: Path, clip: Path) -> None:
    """Makes a folder as the README's reader has it."""
    shutil.copytree(ROOT / "examples" / "images", tmp_path / "examples" / "images")
    (tmp_path / "holiday").mkdir()
    shutil.copy(ROOT / "examples" / "images" / "coffee.jpg", tmp_path / "holiday")
    shutil.copy(ROOT / "examples" / "images" / "chelsea.jpg", tmp_path / "photo.jpg")
    shutil.copy(clip, tmp_path / "clip.mp4")
    for part in ("images", "masks"):
        (tmp_path / "data" / part).mkdir(parents=True)
    picture = media.resize(media.read(ROOT / "examples" / "images" / "coffee.jpg"), (48, 64))
    for number in range(4):
        media.write(tmp_path / "data" / "images" / f"{number}.png", np.roll(picture, number))
        media.write(tmp_path / "data" / "masks" / f"{number}.png", picture[..., 0] // 128)
    (tmp_path / "names.txt").write_text("table\ncup\n")


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    scripts = Path(sys.executable).parent
    environment = os.environ | {
        "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}",
        "EASYSEG_OFFLINE": "1",
    }
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_there_is_something_to_run():
    assert len(PYTHON) >= 2
    assert len(COMMANDS) >= 10
    assert {block.marker for block in BLOCKS} >= {"install", "tests"}
    assert len(PAGES) >= 18


@pytest.mark.parametrize("number", range(len(PYTHON)))
def test_python(number: int, ran: Ran):
    folder, _, _ = ran
    for name in re.findall(r'"([^"]+_segmented[^"]+)"', PYTHON[number]):
        assert (folder / name).stat().st_size > 1000


@pytest.mark.parametrize("number", range(len(COMMANDS)))
def test_command_line(number: int, ran: Ran):
    folder, before, done = ran
    assert done.stdout or set(folder.rglob("*")) > before


@pytest.mark.parametrize("half", [0, 1])
def test_pages(half: int, ran: Ran):
    _, _, done = ran
    assert [page for page in PAGES[half::2] if page not in done.stdout.splitlines()] == []


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples(name: str, ran: Ran):
    folder, _, done = ran
    assert done.stdout
    assert list((folder / "output").iterdir())


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebooks(name: str, ran: Ran):
    folder, before, done = ran
    assert {"image/png", "text/html"} <= set(done.stdout.split())  # results, and a player
    assert {path.name for path in set(folder.rglob("*")) - before} >= {"clip_segmented.mp4"}


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebooks_are_kept_without_outputs(name: str):
    book = json.loads((ROOT / "examples" / name).read_text("utf-8"))
    assert not any(cell.get("outputs") for cell in book["cells"])
    assert not any(cell.get("execution_count") for cell in book["cells"])


def test_the_readme_can_be_read_in_a_minute():
    assert 6000 <= len(README.encode()) <= 8000


def test_what_the_readme_links_to_is_there():
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_no_path_of_a_machine_in_the_documentation():
    for path in [*ROOT.glob("*.md"), *ROOT.glob("weights/*.md"), *ROOT.glob("docs/**/*.md")]:
        assert not re.search(r"(?<![\w.~])/(home|root|tmp|work|Users)/", path.read_text("utf-8"))
