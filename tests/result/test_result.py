"""Segmentation: what it knows of its picture, and that nobody can spoil it."""

import copy
import json
import pickle
import sys
import types
import webbrowser
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import url2pathname

import numpy as np
import pytest

from easyseg import render
from easyseg.errors import InputError, MediaError
from easyseg.labels import ADE20K, PASCAL_VOC, LabelSet
from easyseg.pictures import image as media
from easyseg.result import ClassArea, Segmentation

VOID = 255
PALETTE = np.array([(9, 8, 7), (1, 2, 3)], np.uint8)


PEOPLE = [[0, 0, 15, 15, 12]] * 3 + [[0, 0, VOID, VOID, 12]]


def _segmentation(labels=PEOPLE, **changes):
    """Of 4x5 pixels, 8 are background, 6 person, 4 dog and 2 void, unless told otherwise."""
    labels = np.array(labels, np.uint8)
    image = np.random.default_rng(0).integers(0, 256, (*labels.shape, 3), dtype=np.uint8)
    values = {
        "labels": labels,
        "label_set": PASCAL_VOC,
        "image": image,
        "model": "tiny.voc",
        "timing": {"read": 0.25, "total": 1.5},
        **changes,
    }
    return Segmentation(**values)


def test_classes_are_sorted_by_area_and_leave_void_out():
    assert _segmentation().classes == (
        ClassArea(0, "background", (0, 0, 0), 8, 0.4),
        ClassArea(15, "person", (192, 128, 128), 6, 0.3),
        ClassArea(12, "dog", (64, 0, 128), 4, 0.2),
    )


def test_equal_areas_are_sorted_by_id():
    assert [area.id for area in _segmentation([[9, 3, 5, 5], [3, 9, 7, 7]]).classes] == [3, 5, 7, 9]


def test_the_facts_are_plain_numbers():
    area = _segmentation().classes[1]
    assert [type(value) for value in (area.id, area.pixels, area.ratio)] == [int, int, float]


def test_ratios_are_of_all_pixels():
    ratios = _segmentation().ratios
    assert ratios == {"background": 0.4, "person": 0.3, "dog": 0.2}
    assert list(ratios) == ["background", "person", "dog"]


def test_shape_is_height_and_width():
    assert _segmentation().shape == (4, 5)


def test_mask_of_one_class_and_of_several():
    result = _segmentation()
    np.testing.assert_array_equal(result.mask("person"), result.labels == 15)
    np.testing.assert_array_equal(result.mask(12), result.labels == 12)
    both = result.mask(["dog", 15])
    assert both.dtype == np.bool_
    np.testing.assert_array_equal(both, (result.labels == 15) | (result.labels == 12))


def test_mask_of_an_absent_class_is_empty_and_of_an_unknown_one_an_error():
    result = _segmentation()
    assert not result.mask("cat").any()
    with pytest.raises(InputError, match="person"):
        result.mask("persom")
    with pytest.raises(InputError, match="void"):
        result.mask(VOID)


def test_masks_come_in_the_order_of_classes():
    result = _segmentation()
    masks = result.masks
    assert masks.dtype == np.bool_
    expected = np.stack([result.mask(area.id) for area in result.classes])
    np.testing.assert_array_equal(masks, expected)


def test_a_picture_of_nothing_but_void():
    result = _segmentation(np.full((3, 4), VOID))
    assert result.classes == ()
    assert result.ratios == {}
    assert result.masks.shape == (0, 3, 4)
    np.testing.assert_array_equal(result.overlay(), result.image)
    assert repr(result) == "Segmentation(4x3, voc, model='tiny.voc')"


def test_only_makes_the_others_void():
    result = _segmentation()
    only = result.only("person")
    np.testing.assert_array_equal(only.labels, np.where(result.labels == 15, 15, VOID))
    assert only.ratios == {"person": 0.3}
    assert only.image is not None
    np.testing.assert_array_equal(only.image, result.image)
    assert list(result.only(["dog", 0]).ratios) == ["background", "dog"]


def test_without_makes_them_void():
    result = _segmentation()
    without = result.without(["person", "dog"])
    expected = np.where(np.isin(result.labels, (12, 15)), VOID, result.labels)
    np.testing.assert_array_equal(without.labels, expected)
    assert without.ratios == {"background": 0.4}
    np.testing.assert_array_equal(result.without("cat").labels, result.labels)


def test_filters_keep_everything_else():
    confidence = np.full((4, 5), 0.5, np.float32)
    result = _segmentation(source="a.jpg", confidence_map=confidence)
    only = result.only("dog")
    assert (only.model, only.source, dict(only.timing)) == (
        "tiny.voc",
        "a.jpg",
        dict(result.timing),
    )
    np.testing.assert_array_equal(only.confidence, confidence)


def test_confidence_must_have_been_asked_for():
    with pytest.raises(InputError, match="confidence=True"):
        _ = _segmentation().confidence


def test_arrays_are_read_only_views():
    labels, image = np.zeros((4, 5), np.uint8), np.zeros((4, 5, 3), np.uint8)
    confidence = np.ones((4, 5), np.float32)
    result = Segmentation(labels, PASCAL_VOC, image, "m", {}, confidence_map=confidence)
    pairs = [(result.labels, labels), (result.image, image), (result.confidence, confidence)]
    for mine, theirs in pairs:
        assert np.shares_memory(mine, theirs)
        assert theirs.flags.writeable
        with pytest.raises(ValueError, match="read-only"):
            mine[0] = 1


def test_it_is_frozen():
    result = _segmentation()
    with pytest.raises(AttributeError):
        result.model = "other"
    with pytest.raises(TypeError):
        result.timing["total"] = 0.0


def test_it_can_be_hashed_and_equals_itself_only():
    result = _segmentation()
    assert len({result, result, _segmentation()}) == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": np.zeros((4, 5), np.int64)}, "int64"),
        ({"labels": np.zeros((4, 5, 1), np.uint8)}, r"\(4, 5, 1\)"),
        ({"labels": np.zeros((5, 4), np.uint8)}, r"\(4, 5, 3\) and labels \(5, 4\)"),
        ({"labels": np.zeros((0, 4), np.uint8)}, "not empty"),
        ({"labels": np.full((4, 5), 21, np.uint8)}, "0 to 20 of PASCAL VOC, or 255.*got also 21"),
        ({"labels": np.array([[21, 0, 99, 0, 254]] * 4, np.uint8)}, "21, 99, 254$"),
        ({"image": np.zeros((4, 5, 3), np.float32)}, "float32"),
        ({"image": np.zeros((4, 5), np.uint8)}, r"\(4, 5\)"),
        ({"image": "a.jpg"}, "str"),
        ({"confidence_map": np.zeros((4, 5))}, "float64"),
        ({"confidence_map": np.zeros((5, 4), np.float32)}, r"of shape \(4, 5\), got .*\(5, 4\)"),
        ({"confidence_map": 0.5}, "got float"),
    ],
)
def test_what_does_not_fit_is_refused(changes, message):
    good = {"labels": np.zeros((4, 5), np.uint8), "image": np.zeros((4, 5, 3), np.uint8)}
    with pytest.raises(InputError, match=message):
        Segmentation(**{**good, **changes}, label_set=PASCAL_VOC, model="m", timing={})


def test_void_may_have_another_number():
    label_set = LabelSet("two", "Two", ("a", "b"), PALETTE, ((), ()), ("a", "b"), void=2)
    result = _segmentation([[0, 1, 1, 2]], label_set=label_set)
    assert result.ratios == {"b": 0.5, "a": 0.25}
    np.testing.assert_array_equal(result.only("a").labels, [[0, 2, 2, 2]])
    np.testing.assert_array_equal(result.without("a").labels, [[2, 1, 1, 2]])
    with pytest.raises(InputError, match="got also 255"):
        _segmentation([[0, 255]], label_set=label_set)


def test_overlay_and_colorize_are_those_of_render():
    result = _segmentation(np.repeat(np.repeat([[0, 15], [12, 255]], 150, axis=0), 200, axis=1))
    plain = {"alpha": 0.3, "classes": ["dog"], "outline": False, "legend": False}
    for options in ({}, plain):
        expected = render.overlay(result.image, result.labels, PASCAL_VOC, **options)
        np.testing.assert_array_equal(result.overlay(**options), expected)
    assert (result.overlay() != result.overlay(**plain)).any()
    expected = render.colorize(result.labels, PASCAL_VOC)
    np.testing.assert_array_equal(result.colorize(), expected)


def test_save_writes_the_overlay(tmp_path):
    result = _segmentation()
    path = result.save(tmp_path / "out.png", alpha=0.2, classes="dog", outline=False, legend=False)
    assert path == tmp_path / "out.png"
    expected = result.overlay(alpha=0.2, classes="dog", outline=False, legend=False)
    np.testing.assert_array_equal(media.read(path), expected)
    assert result.save(str(tmp_path / "b.png")) == tmp_path / "b.png"
    np.testing.assert_array_equal(media.read(tmp_path / "b.png"), result.overlay())


def test_save_passes_the_quality_on(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (100, 100, 3), dtype=np.uint8)
    result = _segmentation(np.zeros((100, 100)), image=image)
    sizes = [result.save(tmp_path / f"{q}.jpg", quality=q).stat().st_size for q in (20, 95)]
    assert sizes[0] < sizes[1]


def test_save_to_a_missing_folder_is_a_clear_error(tmp_path):
    with pytest.raises(MediaError, match="nowhere"):
        _segmentation().save(tmp_path / "nowhere" / "out.png")


def test_to_dict_is_json():
    result = _segmentation(source="a.jpg", timing={"total": np.float64(1.5)})
    facts = result.to_dict()
    assert json.loads(json.dumps(facts)) == facts
    assert type(facts["timing"]["total"]) is float
    assert {key: facts[key] for key in ("model", "dataset", "source", "size", "timing")} == {
        "model": "tiny.voc",
        "dataset": "voc",
        "source": "a.jpg",
        "size": {"width": 5, "height": 4},
        "timing": {"total": 1.5},
    }
    person = {"id": 15, "name": "person", "color": [192, 128, 128], "pixels": 6, "ratio": 0.3}
    assert facts["classes"][1] == person
    assert len(facts["classes"]) == 3


def test_repr_names_the_classes_with_the_background_last():
    assert repr(_segmentation()) == (
        "Segmentation(5x4, voc, model='tiny.voc', person 30.0 %, dog 20.0 %, background 40.0 %)"
    )


def test_repr_of_many_classes_is_short():
    result = _segmentation([[0, 1, 2, 3, 4, 5, 6, 6]], label_set=ADE20K)
    assert repr(result) == (
        "Segmentation(8x1, ade20k, model='tiny.voc', road 25.0 %, wall 12.5 %, building 12.5 %, "
        "sky 12.5 %, floor 12.5 %, 2 more)"
    )


@pytest.mark.parametrize(
    "clone", [copy.copy, copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))]
)
def test_it_survives_copying_and_pickling(clone):
    result = _segmentation(source="a.jpg", confidence_map=np.ones((4, 5), np.float32))
    assert result.classes
    twin = clone(result)
    assert twin.classes == result.classes
    assert twin.label_set == result.label_set
    assert (twin.model, twin.source, dict(twin.timing)) == (
        "tiny.voc",
        "a.jpg",
        dict(result.timing),
    )
    for name in ("labels", "image", "confidence"):
        np.testing.assert_array_equal(getattr(twin, name), getattr(result, name))
        assert not getattr(twin, name).flags.writeable


def test_a_notebook_gets_a_png():
    result = _segmentation()
    np.testing.assert_array_equal(media.read(result._repr_png_()), result.overlay())


@pytest.mark.parametrize(("shape", "shown"), [((40, 2500), (16, 1000)), ((1, 4000), (1, 1000))])
def test_a_notebook_gets_large_pictures_reduced(shape, shown):
    assert media.read(_segmentation(np.zeros(shape))._repr_png_()).shape == (*shown, 3)


@pytest.mark.parametrize("shape", [(1, 1), (1, 4000), (4000, 3)])
def test_odd_sizes(shape):
    result = _segmentation(np.full(shape, 15))
    assert result.ratios == {"person": 1.0}
    assert result.overlay().shape == (*shape, 3)
    assert result.mask("person").all()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows opens the file itself")
def test_show_opens_the_overlay_in_a_viewer(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    opened = []
    monkeypatch.setattr(webbrowser, "open", lambda url: bool(opened.append(url) or True))
    result = _segmentation()
    result.show()
    path = Path(url2pathname(urlparse(opened[0]).path))
    assert path.parent == tmp_path.resolve()
    np.testing.assert_array_equal(media.read(path), result.overlay())


@pytest.mark.skipif(sys.platform == "win32", reason="Windows opens the file itself")
def test_show_without_a_viewer_says_where_the_picture_is(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(webbrowser, "open", lambda url: False)
    with pytest.raises(MediaError, match=r"easyseg-.*\.png.*save\(path\)"):
        _segmentation().show()


def test_show_in_a_notebook_displays_in_place(monkeypatch):
    shown = []
    ipython = types.ModuleType("IPython")
    ipython.get_ipython = lambda: types.SimpleNamespace(kernel=object())
    display = types.ModuleType("IPython.display")
    display.display = shown.append
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    result = _segmentation()
    result.show()
    assert shown == [result]


def test_export(tmp_path: Path):
    result = _segmentation()
    path = result.export(tmp_path / "a.json", "coco", min_area=5)
    content = json.loads(path.read_text("utf-8"))
    assert [one["category_id"] for one in content["annotations"]] == [15]
    assert content["images"][0]["file_name"] == "a.jpg"
    with pytest.raises(InputError, match="simplify"):
        result.export(tmp_path / "b.json", "labelme", simplify=-1)


def test_polygons():
    areas = _segmentation().polygons(["dog", "person"])
    assert [(area.name, area.pixels) for area in areas] == [("dog", 4), ("person", 6)]
    assert areas[0].exterior.tolist() == [[4, 0], [5, 0], [5, 4], [4, 4]]
