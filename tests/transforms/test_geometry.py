import dataclasses
import re
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from easyseg.errors import InputError
from easyseg.transforms import Geometry


def plain(size: tuple[int, int], *, align_corners: bool = False) -> Geometry:
    return Geometry(size, size, size, align_corners=align_corners)


def test_half_pixel_axis_by_hand() -> None:
    vertical, horizontal = plain((4, 6)).axes((2, 3))
    np.testing.assert_array_equal(vertical.low, [0, 0, 0, 1])
    np.testing.assert_array_equal(vertical.high, [0, 1, 1, 1])
    np.testing.assert_array_equal(vertical.weight, np.array([0, 0.25, 0.75, 0.25], np.float32))
    np.testing.assert_array_equal(horizontal.low, [0, 0, 0, 1, 1, 2])
    np.testing.assert_array_equal(horizontal.high, [0, 1, 1, 2, 2, 2])


def test_aligned_corners_by_hand() -> None:
    vertical, horizontal = plain((5, 1), align_corners=True).axes((3, 3))
    np.testing.assert_array_equal(vertical.low, [0, 0, 1, 1, 2])
    np.testing.assert_array_equal(vertical.weight, np.array([0, 0.5, 0, 0.5, 0], np.float32))
    np.testing.assert_array_equal(horizontal.low, [0])
    np.testing.assert_array_equal(horizontal.weight, [0])


@pytest.mark.parametrize("align_corners", [False, True])
def test_the_same_size_is_left_alone(align_corners: bool) -> None:
    for axis in plain((7, 9), align_corners=align_corners).axes((7, 9)):
        np.testing.assert_array_equal(axis.low, np.arange(len(axis.low)))
        np.testing.assert_array_equal(axis.high, axis.low)


def test_padding_shifts_and_stretches() -> None:
    # 4 rows become 2, from row 3 of a canvas of 8 on, which 4 logits span: a logit every 2 rows.
    geometry = Geometry((4, 4), (2, 2), (8, 2), (3, 0))
    vertical, _ = geometry.axes((4, 1))
    positions = vertical.low + vertical.weight
    np.testing.assert_allclose(positions, [(3 + (p + 0.5) / 2) / 2 - 0.5 for p in range(4)])


def test_padding_with_aligned_corners() -> None:
    # Corners on corners: photograph 0..4 -> resized 0..2 -> canvas 1..3 of 0..6 -> logits 0..3.
    geometry = Geometry((5, 1), (3, 1), (7, 1), (1, 0), align_corners=True)
    vertical, _ = geometry.axes((4, 1))
    np.testing.assert_allclose(vertical.low + vertical.weight, [0.5, 0.75, 1, 1.25, 1.5])


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize(
    ("cells", "size"), [(1, 1), (1, 9), (9, 1), (2, 64), (16, 33), (33, 16), (5, 5), (65, 480)]
)
def test_axes_are_those_of_torch(cells: int, size: int, align_corners: bool) -> None:
    axis, _ = plain((size, 1), align_corners=align_corners).axes((cells, 1))
    ours = np.zeros((cells, size), np.float32)
    np.add.at(ours, (axis.low, np.arange(size)), 1 - axis.weight)
    np.add.at(ours, (axis.high, np.arange(size)), axis.weight)
    # Enlarging a unit vector shows the weight torch gives that logit in every pixel.
    units = torch.eye(cells).reshape(1, cells, cells, 1)
    torchs = F.interpolate(units, (size, 1), mode="bilinear", align_corners=align_corners)
    np.testing.assert_allclose(ours, torchs[0, :, :, 0], atol=1e-5)


def test_is_a_frozen_value() -> None:
    geometry = plain((2, 3))
    assert geometry == plain((2, 3))
    assert hash(geometry) == hash(plain((2, 3)))
    with pytest.raises(dataclasses.FrozenInstanceError):
        geometry.offset = (1, 1)  # type: ignore[misc]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (((0, 3), (2, 3), (2, 3)), "original must be two whole numbers of at least 1, got (0, 3)"),
        (((2, 3), (2.0, 3), (2, 3)), "resized must be two whole numbers"),
        (((2, 3), (2, 3), 5), "padded must be two whole numbers"),
        (((2, 3), (2, 3), (2, 3), (-1, 0)), "offset must be two whole numbers of at least 0"),
        (((2, 3), (2, 3), (2, 3), (0, 1)), "does not fit into padded (2, 3)"),
        (((2, 3), (4, 3), (2, 3)), "does not fit into padded (2, 3)"),
    ],
)
def test_nonsense_is_refused(values: tuple[Any, ...], message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        Geometry(*values)
