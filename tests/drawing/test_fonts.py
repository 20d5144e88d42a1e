"""Text in any script."""

from collections.abc import Iterator

import numpy as np
import pytest
from PIL import ImageFont

from easyseg.drawing import draw, fonts
from easyseg.labels import LabelSet
from easyseg.render.legend import draw_legend_, legend_rows

NOWHERE = "\U00012000\U0001f9ff"  # cuneiform, and a nazar


@pytest.fixture
def afresh() -> Iterator[None]:
    """Nothing is remembered of what other tests have found."""
    caches = (fonts.font_for, fonts._system_font, fonts._installed, draw._line)
    for one in caches:
        one.cache_clear()
    yield
    for one in caches:
        one.cache_clear()


@pytest.fixture
def no_fonts(afresh: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "_candidates", lambda letters: iter(()))


@pytest.mark.usefixtures("no_fonts")
def test_english_needs_no_other_font():
    assert fonts.font_for("swimming pool, 50 % (of 3)", 14) is fonts.own_font(14)


@pytest.mark.usefixtures("afresh")
def test_other_scripts_take_a_font_that_has_them():
    pytest.importorskip("matplotlib")  # which brings DejaVu
    found = fonts.font_for("Дерево αβγ", 20)
    assert isinstance(found, ImageFont.FreeTypeFont)
    assert found.size == 20
    assert found is not fonts.own_font(20)
    box, wanted = (draw._line((word,), 20).coverage for word in ("\uffff" * 3, "Дом"))
    assert box.shape != wanted.shape or not np.array_equal(box, wanted)


@pytest.mark.usefixtures("afresh")
def test_chinese_where_a_font_has_it():
    if fonts.font_for("背景", 16) is None:
        pytest.skip("no font of this machine has Chinese letters")
    one, other = (draw._line((word,), 16).coverage for word in ("背", "景"))
    assert one.any()
    assert not np.array_equal(one, other)  # boxes are alike


@pytest.mark.usefixtures("no_fonts")
def test_a_letter_that_no_font_has_becomes_a_question_mark():
    assert fonts.writable("a" + NOWHERE, 14) == "a??"
    assert fonts.writable("café", 14) == "cafe"
    assert fonts.writable("b\udce9.jpg", 14) == "b?.jpg"  # a name that is no UTF-8
    assert not draw.can_write(NOWHERE)
    found, wanted = draw._line((f"a{NOWHERE}",), 14), draw._line(("a??",), 14)
    np.testing.assert_array_equal(found.coverage, wanted.coverage)


@pytest.mark.usefixtures("no_fonts")
def test_the_legend_writes_the_id_instead():
    own = LabelSet.from_names("own", ["ground", NOWHERE, "tree"])
    counts = np.bincount([0] * 50 + [1] * 30 + [2] * 20, minlength=256)
    rows = legend_rows(counts, own, (0, 1, 2), 5)
    assert [row.name for row in rows] == ["ground", "class 1", "tree"]


def test_lines_are_as_high_in_every_font():
    """So that a legend's panel has room for any of them."""
    heights = {
        draw._line((word,), 18).coverage.shape[0] for word in ("tree", "Дерево", "背景", "ก")
    }
    assert len(heights) == 1
    canvas = np.zeros((300, 400, 3), np.uint8)
    own = LabelSet.from_names("own", ["背景", "汽车 car", "Žluťoučký kůň"])
    draw_legend_(canvas, np.bincount([0, 1, 2], minlength=256), own, (0, 1, 2))
    assert canvas.any()


@pytest.mark.usefixtures("afresh")
def test_fontconfig_that_fails_is_done_without(monkeypatch: pytest.MonkeyPatch, tmp_path):
    program = tmp_path / "fc-match"
    program.write_text("#!/bin/sh\necho nonsense\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setattr(fonts.shutil, "which", lambda name: str(program))
    assert list(fonts._by_fontconfig("背")) == []
    program.write_text("#!/bin/sh\necho /missing.ttf\n")
    monkeypatch.setattr(fonts, "_installed", lambda: ())
    monkeypatch.setattr(fonts.importlib.util, "find_spec", lambda name: None)
    assert fonts.font_for("背", 12) is None


@pytest.mark.usefixtures("afresh")
def test_each_word_has_a_font_of_its_own(monkeypatch: pytest.MonkeyPatch):
    """Where no font has both scripts of a name, neither becomes boxes."""
    folder = pytest.importorskip("matplotlib").get_data_path()
    path = f"{folder}/fonts/ttf/DejaVuSans.ttf"  # stands for two fonts, each with one of the words
    both = {"один": (path, 0), "二": (path, 0)}
    found = {"".join(sorted(word)): place for word, place in both.items()}
    monkeypatch.setattr(fonts, "_system_font", found.get)
    assert draw.can_write("один 二")
    assert not draw.can_write("один二")
    assert fonts.writable("один二 é", 18) == "????? e"


def test_pillows_own_font_has_ascii():
    letters = "".join(map(chr, range(33, 127)))
    assert fonts._has(fonts.own_font(16), frozenset(letters))
