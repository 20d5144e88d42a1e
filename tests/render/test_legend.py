"""The legend: what it says, where it stands, when it is left out."""

import numpy as np
import pytest

from easyseg.drawing import draw
from easyseg.errors import InputError
from easyseg.labels import ADE20K, PASCAL_VOC, LabelSet
from easyseg.render import legend, overlay
from easyseg.render.legend import legend_rows

NUMBERED = LabelSet.from_names("numbered", tuple(f"class {i}" for i in range(60)))


def _labels(shape, counts):
    """A label map with so many pixels of each id, the rest void."""
    flat = np.full(shape[0] * shape[1], 255, np.uint8)
    ids = np.repeat(list(counts), list(counts.values()))
    flat[: len(ids)] = ids
    return flat.reshape(shape)


def _said(labels, label_set, max_rows=10, ids=None):
    ids = tuple(range(len(label_set))) if ids is None else ids
    rows = legend_rows(draw.count(labels), label_set, ids, max_rows)
    return [(row.name, row.number) for row in rows]


def _changed(image, labels, label_set=PASCAL_VOC, **options):
    return (legend(image, labels, label_set, **options) != image).any(axis=2)


def test_rows_are_sorted_by_area_with_their_share_of_all_pixels():
    labels = _labels((100, 100), {3: 1234, 7: 5000, 9: 1234})
    assert _said(labels, PASCAL_VOC) == [
        ("car", "50.0 %"),
        ("bird", "12.3 %"),
        ("chair", "12.3 %"),
    ]


def test_only_the_classes_asked_for_are_listed():
    labels = _labels((100, 100), {3: 1000, 7: 5000})
    assert _said(labels, PASCAL_VOC, ids=(3, 12)) == [("bird", "10.0 %")]
    assert _said(labels, PASCAL_VOC, ids=(12,)) == []


def test_small_classes_are_summed_up():
    labels = _labels((100, 100), {1: 5000, 2: 50, 3: 49, 4: 3})
    assert _said(labels, NUMBERED) == [
        ("class 1", "50.0 %"),
        ("class 2", "0.5 %"),
        ("+ 2 more", ""),
    ]


def test_a_single_small_class_is_named_in_the_line_it_would_take_anyway():
    labels = _labels((100, 100), {1: 5000, 4: 3})
    assert _said(labels, NUMBERED) == [("class 1", "50.0 %"), ("class 4", "< 0.1 %")]


def test_the_largest_class_is_listed_however_small():
    labels = _labels((100, 100), {4: 20, 5: 10, 6: 10})
    assert _said(labels, NUMBERED) == [("class 4", "0.2 %"), ("+ 2 more", "")]


@pytest.mark.parametrize(("max_rows", "expected"), [(5, 5), (4, 4), (2, 2), (1, 0), (0, 0)])
def test_no_more_rows_than_fit(max_rows, expected):
    labels = _labels((100, 100), dict.fromkeys(range(1, 6), 1000))
    rows = _said(labels, NUMBERED, max_rows)
    assert len(rows) == expected
    if 1 < max_rows < 5:
        assert rows[-1] == (f"+ {5 - (max_rows - 1)} more", "")


def test_swatches_stand_below_each_other_in_the_order_of_area():
    labels = _labels((240, 320), {15: 10000, 8: 30000, 12: 20000})
    result = legend(np.full((240, 320, 3), 7, np.uint8), labels, PASCAL_VOC)
    places = [np.argwhere((result == PASCAL_VOC.palette[i]).all(axis=2)) for i in (8, 12, 15)]
    assert all(len(place) > 20 for place in places)
    tops = [place[:, 0].min() for place in places]
    assert tops == sorted(tops)
    assert len({place[:, 1].min() for place in places}) == 1


def test_the_background_is_not_listed():
    labels = np.zeros((240, 320), np.uint8)
    image = np.full((240, 320, 3), 90, np.uint8)
    np.testing.assert_array_equal(legend(image, labels, PASCAL_VOC), image)
    with_class = labels.copy()
    with_class[:80] = 15
    with_void = np.where(with_class == 15, with_class, np.uint8(255))
    np.testing.assert_array_equal(
        legend(image, with_class, PASCAL_VOC), legend(image, with_void, PASCAL_VOC)
    )


@pytest.mark.parametrize("shape", [(240, 320), (480, 640), (1080, 1920), (2160, 3840), (900, 300)])
def test_the_panel_stands_in_the_bottom_left_corner_and_leaves_the_rest(shape):
    labels = np.repeat(np.arange(20, dtype=np.uint8), 5)[
        np.arange(shape[0])[:, None] * 100 // shape[0] % 100
    ] * np.ones((1, shape[1]), np.uint8)
    changed = _changed(np.full((*shape, 3), 128, np.uint8), labels, ADE20K)
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    margin = columns[0]
    assert 0 < margin <= 0.04 * max(shape)
    assert shape[0] - 1 - rows[-1] == margin
    assert rows[0] >= shape[0] // 3 - 1
    assert columns[-1] < shape[1] * (0.6 if shape[1] > shape[0] else 1)


def test_text_is_readable_small_and_large():
    """Letters have full contrast, and are at least so many pixels high."""

    def height_of_text(shape):
        labels = np.full(shape, 15, np.uint8)
        result = legend(np.zeros((*shape, 3), np.uint8), labels, PASCAL_VOC)
        white = (result > 200).all(axis=2)
        rows = np.flatnonzero(white.any(axis=1))
        return rows[-1] - rows[0] + 1

    assert height_of_text((240, 320)) >= 8
    assert height_of_text((2160, 3840)) >= 30


@pytest.mark.parametrize("shape", [(1, 1), (1, 4000), (4000, 3), (20, 20), (30, 500), (500, 60)])
def test_a_frame_too_small_for_text_gets_none(shape):
    image = np.full((*shape, 3), 50, np.uint8)
    labels = np.random.default_rng(0).integers(0, 21, shape, dtype=np.uint8)
    np.testing.assert_array_equal(legend(image, labels, PASCAL_VOC), image)


def test_a_name_too_long_for_the_frame_is_cut():
    long = LabelSet.from_names("long", ("a remarkably long name " * 6).strip().split("\n"))
    changed = _changed(np.full((200, 200, 3), 50, np.uint8), np.zeros((200, 200), np.uint8), long)
    columns = np.flatnonzero(changed.any(axis=0))
    assert 0 < columns[0] < columns[-1] < 199
    assert 199 - columns[-1] >= columns[0]


def test_the_panel_is_as_wide_for_other_percentages():
    """In a video the panel must not breathe."""
    image = np.zeros((240, 320, 3), np.uint8)

    def width(pixels):
        return np.flatnonzero(_changed(image, _labels((240, 320), {15: pixels})).any(axis=0)).max()

    assert width(1000) == width(70000) == width(33333)


def test_it_is_translucent():
    labels = np.full((240, 320), 15, np.uint8)
    dark = legend(np.zeros((240, 320, 3), np.uint8), labels, PASCAL_VOC)
    light = legend(np.full((240, 320, 3), 255, np.uint8), labels, PASCAL_VOC)
    inside = _changed(np.full((240, 320, 3), 255, np.uint8), labels)
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    corner = rows[0] + 2, columns[len(columns) // 2]
    assert (dark[corner] < light[corner]).all()
    assert (light[corner] < 100).all()


def test_overlay_draws_the_same_legend():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (240, 320, 3), dtype=np.uint8)
    labels = np.zeros((240, 320), np.uint8)
    labels[60:200, 30:200], labels[20:90, 210:300] = 15, 12
    for classes in (None, "dog"):
        without = overlay(image, labels, PASCAL_VOC, classes=classes, legend=False)
        expected = legend(without, labels, PASCAL_VOC, classes=classes)
        result = overlay(image, labels, PASCAL_VOC, classes=classes)
        np.testing.assert_array_equal(result, expected)
        assert (result != without).any()


def test_the_input_is_not_touched():
    image = np.full((240, 320, 3), 9, np.uint8)
    image.flags.writeable = False
    legend(image, np.full((240, 320), 15, np.uint8), PASCAL_VOC)
    assert (image == 9).all()


def test_bad_input_is_refused():
    with pytest.raises(InputError, match="same height and width"):
        legend(np.zeros((4, 5, 3), np.uint8), np.zeros((5, 4), np.uint8), PASCAL_VOC)
    with pytest.raises(InputError, match="zebra"):
        legend(
            np.zeros((4, 5, 3), np.uint8), np.zeros((4, 5), np.uint8), PASCAL_VOC, classes="zebra"
        )
