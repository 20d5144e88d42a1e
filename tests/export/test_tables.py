"""Tables, totals, charts, sheets and reports."""

import csv
import errno
import io
import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from easyseg.errors import InputError, MediaError
from easyseg.export.charts import bar_chart, time_chart
from easyseg.export.report import Report
from easyseg.export.sheet import ContactSheet, thumbnail
from easyseg.export.tables import Table
from easyseg.export.totals import TimeLine, Totals
from easyseg.labels import ADE20K, PASCAL_VOC, LabelSet
from easyseg.pictures import image as media


def rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


class TestTable:
    def test_long(self, tmp_path: Path):
        with Table(tmp_path / "t.csv", ("source", "time")) as table:
            table.add(('a, "b".jpg', 0.5), {"wall": 0.75, "sky": 0.25})
            table.add(("ü\n.jpg", 1.0), {})
            table.add(("c.jpg", 2.0), {"sky": 1e-9})
        assert rows(tmp_path / "t.csv") == [
            ["source", "time", "class", "ratio"],
            ['a, "b".jpg', "0.500000", "wall", "0.750000"],
            ['a, "b".jpg', "0.500000", "sky", "0.250000"],
            ["c.jpg", "2.000000", "sky", "0.000000"],
        ]

    def test_wide(self, tmp_path: Path):
        with Table(tmp_path / "t.csv", ("source",), PASCAL_VOC.names) as table:
            table.add(("a.jpg",), {"cat": 0.5})
            table.add(("b.jpg",), {})
        head, first, second = rows(tmp_path / "t.csv")
        assert head == ["source", *PASCAL_VOC.names]
        assert first[head.index("cat")] == "0.500000"
        assert second[1:] == ["0.000000"] * 21

    def test_lines(self, tmp_path: Path):
        with Table(tmp_path / "t.jsonl", ("source", "time")) as table:
            table.add(("ü.jpg", 0.12345678), {"wall": 0.5})
        assert json.loads((tmp_path / "t.jsonl").read_text("utf-8")) == {
            "source": "ü.jpg", "time": 0.123457, "classes": {"wall": 0.5},
        }  # fmt: skip

    @pytest.mark.parametrize("extension", [".csv", ".jsonl"])
    def test_what_was_added_is_there_at_once(self, extension: str, tmp_path: Path):
        path = tmp_path / f"t{extension}"
        table = Table(path, ("source",))
        assert not path.exists()
        for number in range(1, 4):
            table.add((f"{number}.jpg",), {"wall": 0.5})
            assert len(path.read_text("utf-8").splitlines()) == number + (extension == ".csv")
        table.close()

    def test_an_old_table_stays_until_there_is_something_new(self, tmp_path: Path):
        (tmp_path / "t.csv").write_text("old")
        with Table(tmp_path / "t.csv", ("source",)):
            pass
        assert (tmp_path / "t.csv").read_text() == "old"

    def test_a_name_that_is_no_text(self, tmp_path: Path):
        with Table(tmp_path / "t.csv", ("source",)) as table:
            table.add(("a\udcff.jpg",), {"wall": 1.0})
        assert rows(tmp_path / "t.csv")[1][0] == "a\\udcff.jpg"

    def test_a_stream(self):
        stream = io.StringIO()
        with Table(stream, ("source",)) as table:
            table.add(("a",), {"wall": 1.0})
        assert stream.getvalue() == "source,class,ratio\na,wall,1.000000\n"

    def test_a_full_disk(self):
        class Full(io.StringIO):
            def flush(self) -> None:
                raise OSError(errno.ENOSPC, "No space left on device")

        with pytest.raises(MediaError, match="No space"):
            Table(Full(), ("source",)).add(("a",), {"wall": 1.0})

    def test_no_such_table(self, tmp_path: Path):
        with pytest.raises(InputError, match=r"to a \.csv or a \.jsonl file"):
            Table(tmp_path / "t.xls", ())
        with pytest.raises(MediaError, match="create it first"):
            Table(tmp_path / "no" / "t.csv", ())
        (tmp_path / "folder.csv").mkdir()
        with pytest.raises(MediaError, match="it is a folder"):
            Table(tmp_path / "folder.csv", ())


def test_totals():
    totals = Totals(PASCAL_VOC)
    totals.add({"cat": 0.5, "dog": 0.25})
    totals.add({"dog": 0.75})
    assert totals.means() == {"dog": 0.5, "cat": 0.25}
    assert list(totals.means()) == ["dog", "cat"]
    assert totals.pictures_with("cat") == 1


@pytest.mark.parametrize("frames", [1, 4096, 4097, 10_000])
def test_a_time_line_keeps_the_mean_at_any_length(frames: int):
    line = TimeLine(PASCAL_VOC)
    assert line.is_empty
    for number in range(frames):
        line.add(number / 10, {"cat": 1.0 if number % 2 else 0.5, "dog": number / frames})
    times, shares = line.shares()
    assert len(times) == len(shares) <= 4096
    assert (np.diff(times) > 0).all()
    cat, dog = PASCAL_VOC.find("cat"), PASCAL_VOC.find("dog")
    np.testing.assert_allclose(shares[:, dog], 10 * times / frames, atol=1e-9)
    if frames > 4096:
        np.testing.assert_allclose(shares[:-1, cat], 0.75)
    assert 0.5 <= shares[:, cat].min() <= shares[:, cat].max() <= 1


class TestCharts:
    def test_bars_in_the_colours_of_the_classes(self, tmp_path: Path):
        pytest.importorskip("matplotlib", reason="matplotlib is not installed")
        totals = Totals(ADE20K)
        totals.add({name: 0.6 / (i + 1) for i, name in enumerate(ADE20K.names[:40])})
        picture = media.read(bar_chart(tmp_path / "bars.png", totals))
        colors = {tuple(color) for color in picture.reshape(-1, 3).tolist()}
        assert ADE20K.color(0) in colors
        assert picture.shape[1] == 1200

    @pytest.mark.slow
    def test_a_time_line(self, tmp_path: Path):
        pytest.importorskip("matplotlib", reason="matplotlib is not installed")
        line = TimeLine(PASCAL_VOC)
        for number in range(20):
            line.add(number / 10, {"cat": 0.5, "dog": number / 40})
        picture = media.read(time_chart(tmp_path / "time.png", line))
        colors, counts = np.unique(picture.reshape(-1, 3), axis=0, return_counts=True)
        areas = dict(zip(map(tuple, colors.tolist()), counts.tolist(), strict=True))
        cat, dog = areas[PASCAL_VOC.color(8)], areas[PASCAL_VOC.color(12)]
        assert 1.8 < cat / dog < 2.3  # 0.5 all the time, and up to nearly 0.5

    @pytest.mark.slow
    def test_strange_names_and_other_formats(self, tmp_path: Path):
        pytest.importorskip("matplotlib", reason="matplotlib is not installed")
        strange = LabelSet.from_names("mine", ["_background_", "$x^$ & <b>", "c"])
        totals, line = Totals(strange), TimeLine(strange)
        totals.add({"_background_": 0.5, "$x^$ & <b>": 0.5})
        line.add(0.0, {"_background_": 0.5, "$x^$ & <b>": 0.5})
        assert b"<svg" in bar_chart(tmp_path / "a.svg", totals).read_bytes()
        assert time_chart(tmp_path / "a.pdf", line).read_bytes().startswith(b"%PDF")

    def test_nothing(self, tmp_path: Path):
        pytest.importorskip("matplotlib", reason="matplotlib is not installed")
        with pytest.raises(InputError, match="no picture was added"):
            bar_chart(tmp_path / "a.png", Totals(ADE20K))
        with pytest.raises(InputError, match="no frame was added"):
            time_chart(tmp_path / "a.png", TimeLine(ADE20K))
        with pytest.raises(InputError, match=r"goes to a \.png, \.svg, \.pdf file"):
            bar_chart(tmp_path / "a.jpg", Totals(ADE20K))

    def test_without_matplotlib(self, tmp_path: Path, monkeypatch):
        monkeypatch.setitem(sys.modules, "matplotlib", None)
        with pytest.raises(InputError, match=r"pip install matplotlib"):
            bar_chart(tmp_path / "a.png", Totals(ADE20K))


def picture(value: int, size: tuple[int, int] = (30, 40)) -> tuple[np.ndarray, np.ndarray]:
    """A grey photograph and its labels: all of one class."""
    return np.full((*size, 3), 128, np.uint8), np.full(size, value, np.uint8)


class TestContactSheet:
    def test_pages(self, tmp_path: Path):
        sheet = ContactSheet(tmp_path / "s.png", columns=2, rows=2, cell=(60, 80))
        for number in range(5):
            sheet.add(*picture(number), ADE20K, f"{number}.jpg", {"wall": 1.0})
        sheet.close()
        assert [path.name for path in sheet.pages] == ["s.png", "s-2.png"]
        first, second = map(media.read, sheet.pages)
        assert first.shape == (12 + 2 * (60 + 36 + 12), 12 + 2 * 92, 3)
        assert second.shape == (12 + 60 + 36 + 12, 12 + 92, 3)
        expected = 0.4 * 128 + 0.6 * np.array(ADE20K.color(1))
        np.testing.assert_allclose(first[12 + 60 - 10, 12 + 92 + 40], expected, atol=1)

    def test_any_name_and_any_size(self, tmp_path: Path):
        sheet = ContactSheet(tmp_path / "s.jpg", cell=(60, 80))
        for name in ("", "x" * 300, "über\n\t雪.jpg", "a\udcff"):
            for size in ((1, 1), (1, 400), (400, 3)):
                sheet.add(*picture(2, size), ADE20K, name, dict.fromkeys(ADE20K.names, 0.01))
        sheet.close()
        assert len(sheet.pages) == 1

    def test_no_such_sheet(self, tmp_path: Path):
        with pytest.raises(InputError, match=r"not '.*s\.pdf'"):
            ContactSheet(tmp_path / "s.pdf")
        with pytest.raises(InputError, match="at least one column"):
            ContactSheet(tmp_path / "s.png", columns=0)
        ContactSheet(tmp_path / "s.png").close()
        assert list(tmp_path.iterdir()) == []

    def test_a_thumbnail_is_never_larger(self):
        assert thumbnail(*picture(1, (10, 20)), ADE20K, (100, 100)).shape == (10, 20, 3)
        assert thumbnail(*picture(1, (300, 600)), ADE20K, (100, 100)).shape == (50, 100, 3)


class Page(HTMLParser):
    """Notes what a page holds."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


class TestReport:
    NAMES = ("a.jpg", "<script>alert(1)</script>.jpg", "\"q\" & 'p', ü.jpg", "a\udcff.jpg")

    @pytest.fixture
    def page(self, tmp_path: Path) -> Page:
        report = Report(tmp_path / "r.html", "<b>holiday</b>")
        for number, name in enumerate(self.NAMES):
            ratios = {"wall": 0.75, "sky": 0.25} if number else {"wall": 1.0}
            report.add(*picture(0), ADE20K, name, ratios, model="fake")
            assert not (tmp_path / "r.html").exists()
        report.close()
        return Page((tmp_path / "r.html").read_text("utf-8"))

    def test_names_stand_for_themselves(self, page: Page):
        found = [row["data-name"] for row in page.all("tr") if "data-name" in row]
        assert found == [*self.NAMES[:3], "a\\udcff.jpg"]
        assert len(page.all("script")) == 1
        assert page.all("b") == []
        assert "4 pictures, ADE20K classes, model fake" in page.text

    def test_nothing_comes_from_elsewhere(self, page: Page):
        assert all(one["src"].startswith("data:image/jpeg;base64,") for one in page.all("img"))
        assert len(page.all("img")) == 4
        named = [value for _, attributes in page.tags for name, value in attributes.items()
                 if name in ("href", "src", "action")]  # fmt: skip
        assert len(named) == 4
        policy = page.all("meta")[2]["content"]
        assert policy.startswith("default-src 'none'")
        assert not re.search(r"https?://|@import|url\(", page.text)

    def test_legend_and_shares(self, page: Page):
        buttons = [one["data-name"] for one in page.all("button") if "data-name" in one]
        assert buttons == ["wall", "sky"]
        assert "wall 81.2 %" in page.text or "wall 81.3 %" in page.text
        shares = [json.loads(row["data-shares"]) for row in page.all("tr") if "data-shares" in row]
        assert shares[1] == {"wall": 0.75, "sky": 0.25}

    def test_nothing_at_all(self, tmp_path: Path):
        (tmp_path / "r.html").write_text("old")
        report = Report(tmp_path / "r.html", "none")
        report.close()
        report.discard()
        assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]
        with pytest.raises(InputError, match=r"a report is a \.html file"):
            Report(tmp_path / "r.pdf", "none")
