"""What the command line never writes over, and what it does not wait for."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from clips import make_clip
from PIL import Image

from easyseg import api
from easyseg.cli import _OUTPUTS, COMMANDS, main, parser_of


@pytest.fixture
def album(here: Path) -> Path:
    """A folder of two photographs that easyseg has not written."""
    (here / "in").mkdir()
    for name in ("a.png", "b.jpg"):
        Image.new("RGB", (40, 30), (200, 90, 60)).save(here / "in" / name)
    return here


def content(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("overwrite", [[], ["--overwrite"]])
@pytest.mark.parametrize(
    "arguments",
    [
        ["stats", "in", "--sheet", "in/b.jpg"],
        ["stats", "in/*.png", "--sheet", "in/a.png"],
        ["stats", "in", "--sheet", "link.jpg"],
        ["in", "-o", "in/a.png"],
        ["in/a.png", "-o", "link.jpg"],
        ["in/a.png", "in/b.jpg", "--export", "palette", "-o", "in"],
        ["background", "in/b.jpg", "--image", "in/a.png", "-o", "in/a.png"],
    ],
)
def test_no_output_is_an_input(fake, album: Path, arguments: list[str], overwrite: list[str]):
    name = "a.png" if "in/a.png" in arguments else "b.jpg"
    (album / "link.jpg").symlink_to(album / "in" / name)
    before = content(album / "in")
    code = main([*arguments, *overwrite])
    after = content(album / "in")
    assert {path: after[path] for path in before} == before
    assert code == 2 or arguments[-1] == "in"


def test_every_output_of_a_video_s_earlier_run_is_replaced(here: Path):
    clip = make_clip(here / "clip.mp4", size=(48, 64), frames=2)
    command = [str(clip), "--model", "builtin", "-o", "out.mp4", "--stats", "frames.csv"]
    assert main(command) == 0
    assert main(command) == 0


def test_outputs_are_named_as_the_parsers_know_them():
    parsers = [parser_of(name) for name in (None, *COMMANDS)]
    known = {action.dest for parser in parsers for action in parser._actions}
    assert set(_OUTPUTS) <= known


FOREIGN = [
    (["in/a.png", "-o", "x.png"], "x.png"),
    (["in", "-o", "x"], "x/b.jpg"),
    (["in/a.png"], "a_segmented.png"),
    (["in/a.png", "--export", "npz", "-o", "x.npz"], "x.npz"),
    (["in", "--export", "coco", "-o", "x"], "x/coco.json"),
    (["in", "--export", "yolo", "-o", "x"], "x/yolo/data.yaml"),
    (["in/a.png", "--export", "masks", "-o", "x/"], "x/masks/a/001_building.png"),
    (["stats", "in", "-o", "x.csv"], "x.csv"),
    (["stats", "in", "--report", "x.html"], "x.html"),
    (["stats", "in", "--sheet", "x.jpg"], "x.jpg"),
    (["stats", "in", "--sheet", "x.jpg"], "x-2.jpg"),
]


@pytest.mark.parametrize(("arguments", "name"), FOREIGN)
def test_what_is_no_earlier_output_needs_a_word(fake, album: Path, arguments, name, capsys):
    target = album / name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(b"mine")
    assert main(arguments) in (1, 2)
    assert target.read_bytes() == b"mine"
    assert "--overwrite" in capsys.readouterr().err
    assert main([*arguments, "--overwrite"]) == 0
    if not name.endswith("-2.jpg"):  # there is only one page
        assert target.read_bytes() != b"mine"
        assert main(arguments) == 0  # now it is one
        target.write_bytes(target.read_bytes() + b"retouched")
        assert main(arguments) in (1, 2)
        assert target.read_bytes().endswith(b"retouched")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names")
@pytest.mark.parametrize(
    "arguments",
    [["in"], ["in/*.png"], ["stats", "in"], ["background", "in", "--gray"]],
)
def test_a_pipe_in_a_folder_is_passed_over(fake, album: Path, arguments: list[str]):
    os.mkfifo(album / "in" / "x.jpg")
    os.mkfifo(album / "in" / "y.png")
    (album / "in" / "z.png").symlink_to(album / "in" / "y.png")
    assert main(arguments) == 0
    items = [Path(item).name for item in api._items(album / "in")]
    assert items == ["a.png", "b.jpg"]
    assert [Path(item).name for item in api._items(str(album / "in" / "*.png"))] == ["a.png"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mounts a disk as on Linux")
def test_a_full_disk_keeps_what_found_room(fake, album: Path, capsys):
    random = np.random.default_rng(0)
    for number in range(8):
        picture = random.integers(0, 256, (300, 300, 3), dtype=np.uint8)
        Image.fromarray(picture).save(album / "in" / f"{number}.png")
    (album / "disk").mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=700k", "tmpfs", str(album / "disk")]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("this user may not mount a small disk")
    try:
        arguments = ["in", "--export", "coco,labelstudio", "-o", "disk/out"]
        assert main(arguments) == 1
        err = capsys.readouterr().err
        assert "no space left on device" in err
        coco = json.loads((album / "disk" / "out" / "coco.json").read_text("utf-8"))
        tasks = json.loads((album / "disk" / "out" / "labelstudio.json").read_text("utf-8"))
        assert 1 <= len(coco["images"]) < 10
        assert 1 <= len(tasks) < 10
        found = {image["id"] for image in coco["images"]}
        assert {area["image_id"] for area in coco["annotations"]} <= found
        assert not [p for p in (album / "disk").rglob("*") if p.name.endswith(".part")]
        assert main(["stats", "in", "--report", "disk/r.html", "-q"]) in (0, 1)
        if (album / "disk" / "r.html").exists():
            assert (album / "disk" / "r.html").read_text("utf-8").endswith("</script>\n")
    finally:
        subprocess.run(["umount", str(album / "disk")], check=True)
