"""easyseg stats."""

import csv
import json
from pathlib import Path

import pytest

from easyseg.cli import main
from easyseg.pictures import image as media


def rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


@pytest.fixture
def album(here: Path, photo) -> Path:
    """A folder with names that are hard, two stems alike, and a file that is no picture."""
    for name in ("a.png", "a.bmp", "über, alles.png", "sub folder/a.png"):
        photo(here / "in" / name)
    (here / "in" / "empty.jpg").write_bytes(b"")
    return here / "in"


def test_everything_at_once(fake: dict, here: Path, album: Path, capsys):
    command = ["stats", "in", "-o", "t.csv", "--sheet", "s.jpg", "--report", "r.html"]
    assert main(command) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "in/empty.jpg: " in err or "cannot read in/empty.jpg" in err
    assert "4 done, 1 failed" in err
    table = rows(here / "t.csv")
    assert table[:3] == [
        ["source", "width", "height", "class", "ratio"],
        ["in/a.bmp", "40", "30", "building", "0.750000"],
        ["in/a.bmp", "40", "30", "wall", "0.250000"],
    ]
    assert len(table) == 9
    assert media.read("s.jpg").shape[2] == 3
    page = Path("r.html").read_text("utf-8")
    assert "<title>in</title>" in page
    assert page.count("<tr data-") == 4


def test_wide_with_some_classes(fake: dict, here: Path, album: Path):
    assert main(["stats", "in", "-o", "t.csv", "--wide", "--classes", "wall,person"]) == 1
    table = rows(here / "t.csv")
    assert table[0] == ["source", "width", "height", "wall", "person"]
    assert table[1] == ["in/a.bmp", "40", "30", "0.250000", "0.000000"]
    assert len(table) == 5


def test_to_the_standard_output(fake: dict, here: Path, photo, capsys):
    photo(here / "p.png")
    assert main(["stats", "p.png"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "source,width,height,class,ratio",
        "p.png,40,30,building,0.750000",
        "p.png,40,30,wall,0.250000",
    ]


def test_lines(fake: dict, here: Path, photo):
    photo(here / "p.png")
    assert main(["stats", "p.png", "-o", "t.jsonl"]) == 0
    assert json.loads(Path("t.jsonl").read_text("utf-8")) == {
        "source": "p.png", "width": 40, "height": 30, "classes": {"building": 0.75, "wall": 0.25},
    }  # fmt: skip


def test_ctrl_c_keeps_what_is_done(fake: dict, here: Path, album: Path, monkeypatch, capsys):
    from easyseg.export.tables import Table

    add = Table.add

    def interrupted(self, values, ratios):
        if values[0].startswith("in/ü"):
            raise KeyboardInterrupt
        add(self, values, ratios)

    monkeypatch.setattr(Table, "add", interrupted)
    command = ["stats", "in", "-o", "t.csv", "--sheet", "s.jpg", "--report", "r.html"]
    assert main(command) == 130
    assert [row[0] for row in rows(here / "t.csv")[1::2]] == ["in/a.bmp", "in/a.png"]
    assert Path("r.html").read_text("utf-8").count("<tr data-") == 2
    assert Path("r.html").read_text("utf-8").rstrip().endswith("</script>")
    assert Path("s.jpg").is_file()
    assert sorted(path.name for path in here.iterdir()) == ["in", "r.html", "s.jpg", "t.csv"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["in", "-o", "t.xls"], "to a .csv or a .jsonl file"),
        (["in", "-o", "t.jsonl", "--wide"], "--wide is for a .csv"),
        (["in", "-o", "no/t.csv"], "create it first"),
        (["in", "--report", "r.pdf"], "a report is a .html file"),
        (["in", "--sheet", "s.pdf"], "a contact sheet is a .jpg"),
        (["in", "-o", "t.csv", "--start", "1"], "for videos only"),
        (["in/a.png", "--sheet", "in/a.png"], "a name of its own"),
        (["clip.mp4", "--report", "r.html"], "for photographs, not for videos"),
        (["nothing"], "nothing"),
    ],
)
def test_wrong_options(arguments, words, fake: dict, here: Path, album: Path, capsys):
    before = sorted(here.rglob("*"))
    assert main(["stats", *arguments]) == 2
    assert words in capsys.readouterr().err
    assert sorted(here.rglob("*")) == before
