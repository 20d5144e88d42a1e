"""The filters: against the plain sums that they stand for."""

import numpy as np
import pytest

from easyseg.drawing import filters


def _random(shape, seed=0):
    return np.random.default_rng(seed).random(shape, np.float32)


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (5, 7)])
@pytest.mark.parametrize("radius", [1, 3, 30])
def test_box_mean_is_the_mean_over_the_mirrored_square(shape, radius):
    plane = _random(shape)
    padded = np.pad(plane, radius, mode="symmetric")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (2 * radius + 1,) * 2)
    np.testing.assert_allclose(
        filters.box_mean(plane, radius), windows.mean(axis=(2, 3)), atol=1e-5
    )


def test_gaussian_mean_keeps_what_is_even_and_spreads_a_point():
    np.testing.assert_allclose(filters.gaussian_mean(np.ones((9, 4), np.float32), 5), 1, rtol=1e-5)
    point = np.zeros((41, 41), np.float32)
    point[20, 20] = 1
    spread = filters.gaussian_mean(point, 3)
    np.testing.assert_allclose(spread[20, 23] / spread[20, 20], np.exp(-0.5), rtol=1e-3)


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1), (37, 53), (720, 900)])
def test_affine_alpha_is_the_function_with_enlarged_coefficients(shape):
    image = (255 * _random((*shape, 3))).astype(np.uint8)
    grid = (max(1, shape[0] // 4), max(1, shape[1] // 4))
    coefficients = _random((4, *grid), seed=1) - 0.3
    coefficients[3] *= 255
    unsettled = np.ones(grid, np.bool_)
    alpha = filters.affine_alpha(image, coefficients, np.zeros(grid, np.uint8), unsettled)
    wide = np.stack([_enlarged(plane, shape) for plane in coefficients])
    exact = (image * wide[:3].transpose(1, 2, 0)).sum(axis=2) + wide[3]
    assert np.abs(alpha - exact.clip(0, 255)).max() <= 0.51


def _enlarged(plane, shape):
    for axis, size in enumerate(shape):
        cells = plane.shape[axis]
        position = np.clip((np.arange(size) + 0.5) * cells / size - 0.5, 0, cells - 1)
        low = np.floor(position).astype(int)
        share = np.expand_dims(position - low, 1 - axis)
        high = np.minimum(low + 1, cells - 1)
        plane = plane.take(low, axis) * (1 - share) + plane.take(high, axis) * share
    return plane


def test_settled_cells_are_taken_as_they_are():
    settled = np.array([[0, 255], [255, 0]], np.uint8)
    alpha = filters.affine_alpha(
        np.zeros((4, 4, 3), np.uint8), np.zeros((4, 2, 2), np.float32), settled,
        np.zeros((2, 2), np.bool_),
    )  # fmt: skip
    np.testing.assert_array_equal(alpha, settled.repeat(2, 0).repeat(2, 1))


def test_components_are_sorted_and_specks_left_out():
    mask = np.zeros((6, 8), np.bool_)
    mask[0, 0] = True
    mask[2, 2] = mask[3, 3] = True  # touch by a corner
    mask[0:3, 5:8] = True
    parts = filters.components(mask, 2)
    assert [int(part.sum()) for part, _ in parts] == [9, 2]
    assert parts[1][1] == (slice(2, 4), slice(2, 4))


def test_planes_and_back():
    image = (255 * _random((3, 5, 3))).astype(np.uint8)
    np.testing.assert_array_equal(filters.image_of(filters.planes_of(image)), image)
    thin = image[:, :1]
    np.testing.assert_array_equal(filters.image_of(filters.planes_of(thin)), thin)
