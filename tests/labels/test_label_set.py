import copy
import dataclasses
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from easyseg.errors import InputError
from easyseg.labels import LabelSet
from easyseg.labels.label_set import voc_colormap

FIELDS: dict[str, Any] = {
    "name": "home",
    "title": "Home",
    "names": ("nothing", "dining table", "Pool", "screen door"),
    "palette": np.array([[0, 0, 0], [1, 2, 3], [4, 5, 6], [255, 0, 9]], np.uint8),
    "synonyms": ((), ("table", "board"), ("basin", "board"), ("pool", "screen")),
    "short_names": ("nothing", "dining", "board", "door"),
    "background": 0,
}
HOME = LabelSet(**FIELDS)


def changed(**fields: Any) -> LabelSet:
    return LabelSet(**{**FIELDS, **fields})


class TestFind:
    @pytest.mark.parametrize(
        "what", [1, np.uint8(1), np.int64(1), np.array(1), "dining table", "table", "dining"]
    )
    def test_by_id_name_synonym_and_short_name(self, what: int | str) -> None:
        found = HOME.find(what)
        assert found == 1
        assert type(found) is int

    @pytest.mark.parametrize(
        "spelling",
        ["DINING TABLE", "  dining table\n", "dining_table", "Dining-Table", "diningtable"],
    )
    def test_spelling_does_not_matter(self, spelling: str) -> None:
        assert HOME.find(spelling) == 1

    def test_a_name_is_preferred_to_a_synonym(self) -> None:
        assert "pool" in HOME.synonyms[3]
        assert HOME.find("pool") == 2

    def test_of_two_classes_with_a_synonym_the_lower_id_has_it(self) -> None:
        assert HOME.find("board") == 1

    def test_a_synonym_is_preferred_to_a_short_name(self) -> None:
        assert HOME.short_names[2] == "board"
        assert HOME.find("board") == 1

    @pytest.mark.parametrize("class_id", [-1, 4, 10**30, np.int8(-1)])
    def test_an_id_out_of_range(self, class_id: int) -> None:
        with pytest.raises(InputError, match=rf"Home has the class ids 0 to 3, not {class_id}\. "):
            HOME.find(class_id)

    def test_void_is_no_class(self) -> None:
        with pytest.raises(InputError, match=r"not 255, which is void: no class\. .*`names`"):
            HOME.find(255)

    @pytest.mark.parametrize("what", [True, np.True_, 1.0, None, b"table", ["table"]])
    def test_what_is_neither_id_nor_name(self, what: Any) -> None:
        with pytest.raises(InputError, match=r"by its id \(int\) or its name \(str\), not "):
            HOME.find(what)

    @pytest.mark.parametrize(
        ("what", "hint"),
        [
            ("dinning table", r"Did you mean 'dining table'\?"),
            ("tabel", r"Did you mean 'table' \(class 'dining table'\)\?"),
            ("1", "An id is given as a number, not as text"),
            ("table, pool", "Several classes are given as a list of names"),
        ],
    )
    def test_an_unknown_name_gets_a_hint(self, what: str, hint: str) -> None:
        message = rf"Home has no class named '{what}'\. {hint}.* All classes are in the `names`"
        with pytest.raises(InputError, match=message):
            HOME.find(what)

    @pytest.mark.parametrize("what", ["", "  ", "zebra"])
    def test_a_name_like_no_other(self, what: str) -> None:
        with pytest.raises(InputError, match=rf"no class named '{what}'\. All classes are in"):
            HOME.find(what)

    def test_near_matches_name_each_class_once(self) -> None:
        lamps = dataclasses.replace(
            LabelSet.from_names("lamps", ["street lamp", "street clamp"]),
            synonyms=(("street lamps", "streetlamp post"), ()),
        )
        hint = r"named 'street lampp'\. Did you mean 'street lamps?'.* or 'street clamp'\?"
        with pytest.raises(InputError, match=hint) as caught:
            lamps.find("street lampp")
        assert str(caught.value).count(" or ") == 1

    @settings(deadline=None, max_examples=100)
    @given(st.text("abdelinoprst TABLE,-_19ß", max_size=12))
    def test_any_text_is_found_or_refused(self, text: str) -> None:
        if text in HOME:
            assert HOME.find(text) in range(len(HOME))
        else:
            with pytest.raises(InputError):
                HOME.find(text)


class TestSelect:
    @pytest.mark.parametrize(
        ("what", "ids"),
        [
            ("pool", (2,)),
            (3, (3,)),
            (np.int32(3), (3,)),
            (["pool", "table", 2, "POOL"], (2, 1)),
            ((3, 0), (3, 0)),
            ({2: "x", 1: "y"}, (2, 1)),
            (np.array([3, 1, 3], np.uint8), (3, 1)),
            (range(4), (0, 1, 2, 3)),
            ((name for name in ("basin", "dining")), (2, 1)),
        ],
    )
    def test_gives_ids_in_order(self, what: Any, ids: tuple[int, ...]) -> None:
        found = HOME.select(what)
        assert found == ids
        assert {type(one) for one in found} == {int}

    @pytest.mark.parametrize("what", [[], (), iter(()), np.zeros(0, int)])
    def test_an_empty_selection(self, what: Any) -> None:
        with pytest.raises(InputError, match="empty: name at least one"):
            HOME.select(what)

    @pytest.mark.parametrize("what", [None, 1.5, True, b"\x01\x02", bytearray(b"\x01")])
    def test_what_is_no_selection(self, what: Any) -> None:
        with pytest.raises(InputError, match="or several of them in a list, not"):
            HOME.select(what)

    @pytest.mark.parametrize("what", [["pool", "zebra"], [True], np.array([True, False]), [1.0]])
    def test_one_bad_class_spoils_all(self, what: Any) -> None:
        with pytest.raises(InputError, match=r"no class named 'zebra'|by its id"):
            HOME.select(what)


class TestValue:
    def test_len_and_color(self) -> None:
        assert len(HOME) == 4
        color = HOME.color(3)
        assert color == (255, 0, 9)
        assert {type(part) for part in color} == {int}

    def test_void_has_no_color(self) -> None:
        with pytest.raises(InputError, match="which is void"):
            HOME.color(255)

    @pytest.mark.parametrize(
        ("what", "inside"),
        [("Table", True), (0, True), ("zebra", False), (4, False), (True, False), (None, False)],
    )
    def test_contains(self, what: object, inside: bool) -> None:
        assert (what in HOME) is inside

    def test_the_palette_is_a_read_only_copy(self) -> None:
        palette = FIELDS["palette"].copy()
        label_set = changed(palette=palette)
        palette[:] = 7
        np.testing.assert_array_equal(label_set.palette, FIELDS["palette"])
        with pytest.raises(ValueError, match="read-only"):
            label_set.palette[0] = 1
        with pytest.raises(dataclasses.FrozenInstanceError):
            label_set.name = "other"  # type: ignore[misc]

    def test_equal_fields_make_equal_sets(self) -> None:
        other = changed()
        assert other is not HOME
        assert other == HOME
        assert len({other, HOME}) == 1

    @pytest.mark.parametrize(
        "fields",
        [
            {"name": "x"},
            {"title": "x"},
            {"palette": FIELDS["palette"] + 1},
            {"synonyms": ((),) * 4},
            {"background": None},
            {"void": 254},
        ],
    )
    def test_any_other_field_makes_another_set(self, fields: dict[str, Any]) -> None:
        assert changed(**fields) != HOME
        assert HOME != "home"

    def test_survives_pickling_and_copying(self) -> None:
        HOME.find("table")
        for twin in (pickle.loads(pickle.dumps(HOME)), copy.deepcopy(HOME), copy.copy(HOME)):
            assert twin == HOME
            assert not twin.palette.flags.writeable
            assert twin.find("table") == 1

    def test_repr(self) -> None:
        assert repr(HOME) == "LabelSet('home', 4 classes: nothing, dining table, Pool, ...)"
        assert repr(LabelSet.from_names("x", ["a"])) == "LabelSet('x', 1 classes: a)"


class TestGuards:
    @pytest.mark.parametrize(
        ("fields", "message"),
        [
            ({"name": " home"}, "name and title .* stray blanks: ' home'"),
            ({"title": ""}, "name and title must not be empty"),
            ({"title": None}, "name and title must be text"),
            ({"names": ("a", "bed ", "c", "d")}, "names .* stray blanks: 'bed '"),
            ({"names": ("a", "b  b", "c", "d")}, "names .* stray blanks"),
            ({"names": ("a", "b\x1b]0;x\x07", "c", "d")}, r"names .* control characters: 'b\\x1b"),
            ({"names": ("a", "b\x9b31m", "c", "d")}, r"names .* control characters: 'b\\x9b"),
            ({"title": "a\udc80"}, r"name and title .* control characters: 'a\\udc80'"),
            ({"names": ("a", "", "c", "d")}, "names must not be empty"),
            ({"names": ("a", "-_", "c", "d")}, "names must not be empty"),
            ({"names": ("a", "b", "a", "d")}, "told apart by their names 'a' and 'a'"),
            ({"names": ("a", "b b", "c", "B-B")}, "told apart by their names 'b b' and 'B-B'"),
            ({"names": ("a", 5, "c", "d")}, r"names must be text \(str\), not int 5"),
            ({"names": ["a", "b", "c", "d"]}, "names must be a tuple, not list"),
            ({"names": "abcd"}, "names must be a tuple, not str"),
            ({"names": ()}, "1 to 255 classes, got 0"),
            ({"names": ("a", "b", "c")}, "synonyms must have an entry for each of the 3 .* got 4"),
            ({"synonyms": ((),) * 3}, "synonyms must have an entry for each of the 4 .* got 3"),
            ({"synonyms": None}, "synonyms must be a tuple, not NoneType"),
            ({"synonyms": ("a", (), (), ())}, "synonyms of a class must be a tuple, not str"),
            ({"synonyms": (("a ",), (), (), ())}, "synonyms .* stray blanks: 'a '"),
            ({"short_names": ("a", "b")}, "short_names must have an entry .* got 2"),
            ({"short_names": ("a", "b", "c", "")}, "short_names must not be empty"),
            ({"palette": np.zeros((3, 3), np.uint8)}, r"shape \(4, 3\).* got uint8 .*\(3, 3\)"),
            ({"palette": np.zeros((4, 4), np.uint8)}, r"shape \(4, 3\).* got uint8 .*\(4, 4\)"),
            ({"palette": np.zeros((4, 3), np.int64)}, "palette must be uint8 .* got int64"),
            ({"palette": [[0, 0, 0]] * 4}, "palette must be a NumPy array, not list"),
            ({"background": 4}, "background must be an id from 0 to 3, or None, not 4"),
            ({"background": -1}, "background must be"),
            ({"background": True}, "background must be"),
            ({"background": "nothing"}, "background must be"),
            ({"void": 3}, "void must be a number from 4 .* to 255, not 3"),
            ({"void": 256}, "void must be"),
            ({"void": None}, "void must be"),
        ],
    )
    def test_refuses(self, fields: dict[str, Any], message: str) -> None:
        with pytest.raises(InputError, match=message):
            changed(**fields)

    def test_refuses_more_classes_than_ids(self) -> None:
        names = [f"class {number}" for number in range(256)]
        assert len(LabelSet.from_names("many", names[:255])) == 255
        with pytest.raises(InputError, match="1 to 255 classes, got 256"):
            LabelSet.from_names("many", names)


class TestFromNames:
    def test_colors_differ_and_none_is_black(self) -> None:
        label_set = LabelSet.from_names("many", [f"class {number}" for number in range(255)])
        assert len(np.unique(label_set.palette, axis=0)) == 255
        assert label_set.palette.any(axis=1).all()
        assert label_set.background is None

    @pytest.mark.parametrize("background", [0, 2, 3])
    def test_the_background_alone_is_black(self, background: int) -> None:
        label_set = LabelSet.from_names("own", ["a", "b", "c", "d"], background=background)
        black = ~label_set.palette.any(axis=1)
        np.testing.assert_array_equal(np.flatnonzero(black), [background])
        assert len(np.unique(label_set.palette, axis=0)) == 4

    def test_a_palette_of_ones_own(self) -> None:
        label_set = LabelSet.from_names("own", ["a", "b"], [[1, 2, 3], [255, 0, 4]], title="Own")
        assert label_set.color(1) == (255, 0, 4)
        assert label_set.palette.dtype == np.uint8
        assert label_set.title == "Own"
        assert label_set.short_names == ("a", "b")

    def test_a_generator_of_names(self) -> None:
        assert LabelSet.from_names("own", (name for name in "ab")).find("b") == 1

    @pytest.mark.parametrize(
        ("names", "palette", "background", "message"),
        [
            ("ab", None, None, "names must be several names"),
            (5, None, None, "names must be several names"),
            (["a", "A"], None, None, "cannot be told apart"),
            (["a"], [[1, 2, 256]], None, "whole numbers from 0 to 255"),
            (["a"], [[1, -2, 3]], None, "whole numbers from 0 to 255"),
            (["a"], [[0.5, 0.5, 0.5]], None, "whole numbers from 0 to 255; got float64"),
            (["a"], [[1, 2], [3]], None, "palette must be"),
            (["a"], [[1, 2, 3], [4, 5, 6]], None, r"shape \(1, 3\)"),
            (["a", "b"], None, 2, "background must be an id from 0 to 1"),
            (["a", "b"], None, "a", "background must be"),
        ],
    )
    def test_refuses(self, names: Any, palette: Any, background: Any, message: str) -> None:
        with pytest.raises(InputError, match=message):
            LabelSet.from_names("own", names, palette, background=background)


def test_voc_colormap() -> None:
    colors = voc_colormap(256)
    # From the listing of the development kit.
    expected = [[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0], [0, 0, 128]]
    np.testing.assert_array_equal(colors[:5], expected)
    np.testing.assert_array_equal(colors[255], [224, 224, 192])
    assert colors.dtype == np.uint8
    assert len(np.unique(colors, axis=0)) == 256
