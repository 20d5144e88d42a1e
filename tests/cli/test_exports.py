"""easyseg PHOTO --export."""

import csv
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from easyseg import export
from easyseg.cli import exports, main
from easyseg.datasets import open_dataset
from easyseg.pictures.masks import read_labels


def files(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


@pytest.fixture
def album(here: Path, photo) -> Path:
    """A folder with names that are hard on a command line, two of them alike."""
    for name in ("a.png", "a.bmp", "über, alles.png", "sub folder/a.png"):
        photo(here / "in" / name)
    return here / "in"


def test_the_kinds_are_those_of_the_library():
    assert tuple(export.KINDS) == exports.KINDS


def test_a_folder(fake: dict, here: Path, album: Path, capsys):
    assert main(["in", "-o", "out", "--export", "palette,coco", "--export", "labelme"]) == 0
    names = ["a", "a-2", "sub folder/a", "über, alles"]
    assert files(here / "out") == sorted(
        ["coco.json", *(f"palette/{n}.png" for n in names), *(f"labelme/{n}.json" for n in names)]
    )
    out, err = capsys.readouterr()
    assert out.splitlines()[0] == "in/a.bmp  building 75.0 %, wall 25.0 %"
    assert err == ""
    expected = np.ones((30, 40), np.uint8)
    expected[:, 30:] = 0
    np.testing.assert_array_equal(read_labels(here / "out/palette/a.png"), expected)
    (here / "out" / "coco.json").rename(album / "coco.json")
    coco = list(open_dataset(album / "coco.json", label_set="ade20k"))
    assert len(coco) == 4
    labelme = list(open_dataset(here / "out" / "labelme", label_set="ade20k"))
    assert len(labelme) == 4
    for sample in [*coco, *labelme]:
        np.testing.assert_array_equal(sample.labels, expected)


def test_without_an_output(fake: dict, here: Path, album: Path, photo):
    assert main(["in", "--export", "yolo"]) == 0
    assert "yolo/labels/sub folder/a.txt" in files(here / "in_segmented")
    photo(here / "p.png")
    assert main(["p.png", "--export", "npz"]) == 0
    assert files(here / "p_segmented") == ["npz/p.npz"]


def test_one_file(fake: dict, here: Path, photo, capsys):
    photo(here / "p.png")
    assert main(["p.png", "-o", "p.json", "--export", "coco"]) == 0
    assert capsys.readouterr().out.startswith("p.json  building")
    assert json.loads(Path("p.json").read_text("utf-8"))["images"][0]["file_name"] == "p.png"
    assert main(["p.png", "-o", "p.png", "--export", "palette"]) == 2
    assert "p.png is the photograph itself" in capsys.readouterr().err
    assert main(["p.png", "-o", "q.jpg", "--export", "overlay"]) == 0
    assert Path("q.jpg").is_file()


def test_pictures_beside_exports(fake: dict, here: Path, photo, capsys):
    photo(here / "p.png")
    assert main(["p.png", "-o", "out/", "--export", "overlay,colors,ids", "--json"]) == 0
    assert files(here / "out") == ["colors/p.png", "ids/p.png", "overlay/p.png"]
    outputs = json.loads(capsys.readouterr().out)["outputs"]
    assert sorted(outputs) == ["out/colors/p.png", "out/ids/p.png", "out/overlay/p.png"]


def test_one_that_fails_does_not_spoil_the_others(fake: dict, here: Path, album: Path, capsys):
    (album / "empty.png").write_bytes(b"")
    assert main(["in", "-o", "out", "--export", "coco"]) == 1
    assert "in/empty.png" in capsys.readouterr().err
    assert len(json.loads((here / "out/coco.json").read_text("utf-8"))["images"]) == 4


def test_ctrl_c_keeps_what_is_done(fake: dict, here: Path, album: Path, monkeypatch, capsys):
    from easyseg.cli import segment

    report = segment._report
    seen = []

    def interrupted(*arguments):
        report(*arguments)
        seen.append(1)
        if len(seen) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(segment, "_report", interrupted)
    assert main(["in", "-o", "out", "--export", "coco,labelstudio"]) == 130
    assert len(json.loads((here / "out/coco.json").read_text("utf-8"))["images"]) == 2
    assert len(json.loads((here / "out/labelstudio.json").read_text("utf-8"))) == 2
    assert "interrupted" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["p.png", "--min-area", "3"], "--min-area goes with --export"),
        (["p.png", "--export", "coco", "-o", "-"], "--export writes files"),
        (["p.png", "--export", "coco", "-o", "p.png/x.txt"], r"goes to a .json file"),
        (["p.png", "--export", "coco", "--simplify", "-1"], "simplify"),
        (["in", "--export", "coco", "-o", "in"], "is the folder of the photographs"),
        (["clip.mp4", "--export", "coco"], "for photographs, not for videos"),
    ],
)
def test_wrong_options(arguments, words, fake: dict, here: Path, photo, capsys):
    photo(here / "p.png")
    photo(here / "in" / "sub" / "q.png")
    assert main(arguments) == 2
    assert words in capsys.readouterr().err
    assert files(here) == ["in/sub/q.png", "p.png"]


def test_an_unknown_kind(fake: dict, here: Path, capsys):
    with pytest.raises(SystemExit):
        main(["p.png", "--export", "coko"])
    assert "no kind 'coko': choose from palette, ids" in capsys.readouterr().err


KINDS = "palette,ids,masks,geojson,coco,labelme,labelstudio,yolo,npz,overlay"


@pytest.mark.skipif(sys.platform != "linux", reason="names are text elsewhere")
@pytest.mark.parametrize("name", [b"f\xe9.png", b"\xff\xfe.png", "\u65e5\u672c.png".encode()])
def test_names_that_are_no_text(fake: dict, here: Path, photo, capsys, name):
    folder = here / "in"
    photo(folder / os.fsdecode(name))
    photo(folder / "z.png")
    assert main(["in", "-o", "out", "--export", KINDS, "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {os.fsencode(Path(line["source"]).name) for line in lines} == {name, b"z.png"}
    stem = os.fsdecode(name)[:-4]
    read = json.loads((here / "out/labelme" / f"{stem}.json").read_text("utf-8"))
    assert os.fsencode(Path(read["imagePath"]).name) == name
    images = json.loads((here / "out/coco.json").read_text("utf-8"))["images"]
    assert {os.fsencode(image["file_name"]) for image in images} == {name, b"z.png"}
    assert main(["in", "-o", "out2"]) == 0
    assert main(["stats", "in", "-o", "t.csv", "--sheet", "s.png", "--report", "r.html"]) == 0
    assert main(["stats", "in", "-o", "t.jsonl"]) == 0
    for file in ("t.csv", "t.jsonl", "r.html"):
        assert "z.png" in (here / file).read_text("utf-8")


@pytest.mark.skipif(sys.platform == "win32", reason="such names are refused there")
def test_names_do_not_reach_the_terminal_as_they_are(fake: dict, here: Path, photo, capsys):
    photo(here / "in" / "a\x1b]0;title\x07\n.png")
    (here / "in" / "b\x1b[2J.png").write_bytes(b"")
    assert main(["in", "-o", "out"]) == 1
    assert main(["nothing\x1b[2J.png"]) == 2
    assert main(["stats", "in", "-o", "no\x1b[2J.txt"]) == 2
    shown = "".join(capsys.readouterr())
    assert "\\x1b]0;title\\x07\\n.png" in shown
    assert not set(shown) & {"\x1b", "\x07"}


def test_names_are_no_formulas(fake: dict, here: Path, photo):
    names = ["=1+1.png", "@a.png", "+b.png", "-c.png"]
    for name in names:
        photo(here / name)
    assert main(["stats", *(f"./{name}" for name in names[3:]), *names[:3], "-o", "t.csv"]) == 0
    with Path("t.csv").open(newline="") as file:
        sources = {row["source"] for row in csv.DictReader(file)}
    assert sources == {f"'{name}" for name in names}
    assert main(["stats", *names[:3], "-o", "t.jsonl"]) == 0
    written = Path("t.jsonl").read_text("utf-8").splitlines()
    assert {json.loads(line)["source"] for line in written} == set(names[:3])
