"""Label maps in plain colours."""

import numpy as np
import pytest

from easyseg.errors import InputError
from easyseg.labels import ADE20K, PASCAL_VOC, LabelSet
from easyseg.render import colorize
from easyseg.render.colorize import color_table, outline_table


@pytest.mark.parametrize("label_set", [ADE20K, PASCAL_VOC])
def test_every_class_has_its_palette_colour(label_set):
    labels = np.arange(len(label_set), dtype=np.uint8)[np.newaxis]
    np.testing.assert_array_equal(colorize(labels, label_set)[0], label_set.palette)


def test_void_and_unknown_ids_are_black():
    labels = np.array([[255, 200, 15]], np.uint8)
    expected = [[(0, 0, 0), (0, 0, 0), (192, 128, 128)]]
    np.testing.assert_array_equal(colorize(labels, PASCAL_VOC), expected)


@pytest.mark.parametrize("shape", [(1, 1), (1, 4000), (4000, 3)])
def test_odd_sizes(shape):
    colored = colorize(np.full(shape, 8, np.uint8), PASCAL_VOC)
    np.testing.assert_array_equal(colored, np.broadcast_to((64, 0, 0), (*shape, 3)))


@pytest.mark.parametrize(
    "labels",
    [
        np.zeros((4, 5), np.int64),
        np.zeros((4, 5, 1), np.uint8),
        np.zeros((0, 5), np.uint8),
        np.zeros(5, np.uint8),
    ],
)
def test_other_arrays_are_refused_with_what_came(labels):
    with pytest.raises(InputError, match=r"uint8 class ids of shape \(H, W\)") as caught:
        colorize(labels, PASCAL_VOC)
    assert f"{labels.dtype} of shape {labels.shape}" in str(caught.value)


def test_a_list_is_refused():
    with pytest.raises(InputError, match="got list"):
        colorize([[0, 1]], PASCAL_VOC)


def test_tables_cannot_be_spoilt():
    for table in (color_table(PASCAL_VOC), outline_table(PASCAL_VOC)):
        with pytest.raises(ValueError, match="read-only"):
            table[0] = 1


def test_outlines_are_brighter_than_their_class():
    for label_set in (ADE20K, PASCAL_VOC):
        colors = color_table(label_set)[: len(label_set)].astype(int)
        lines = outline_table(label_set)[: len(label_set)].astype(int)
        assert (lines >= colors).all()
        assert (lines.sum(axis=1) - colors.sum(axis=1)).min() > 30
        assert lines.max(axis=1).min() >= 115


def test_a_grey_stays_a_quiet_grey():
    grey = LabelSet.from_names("grey", ("wall", "cat"), [(120, 120, 120), (64, 0, 0)])
    np.testing.assert_array_equal(outline_table(grey)[:2], [(181, 181, 181), (255, 115, 115)])
