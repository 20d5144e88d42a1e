"""resize(): sizes, types, and where the pixels go."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from easyseg.errors import InputError
from easyseg.pictures import image

METHODS = ["area", "bilinear", "bicubic", "nearest"]
TYPES = ["uint8", "uint16", "float32", "float64"]


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("channels", [(), (1,), (2,), (3,), (4,)])
@pytest.mark.parametrize("method", METHODS)
def test_type_and_channels_are_kept(dtype, channels, method):
    source = np.full((4, 6, *channels), 7, dtype)
    for size in [(2, 3), (9, 11), (2, 11), (4, 6)]:
        result = image.resize(source, size, method)
        assert result.dtype == dtype
        np.testing.assert_allclose(result, np.full((*size, *channels), 7), rtol=1e-6)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("old", [(1, 1), (1, 4000), (4000, 3), (40_000, 2), (2, 40_000)])
@pytest.mark.parametrize("new", [(1, 1), (3, 500), (40_000, 1), (1, 40_000)])
def test_every_size(method, old, new):
    result = image.resize(np.full((*old, 3), 9, np.uint8), new, method)
    np.testing.assert_array_equal(result, np.full((*new, 3), 9))


@pytest.mark.parametrize("method", METHODS)
def test_the_same_size_gives_a_copy(method):
    source = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    result = image.resize(source, (2, 2), method)
    np.testing.assert_array_equal(result, source)
    assert not np.may_share_memory(result, source)


def test_area_averages():
    source = np.array([[0, 10, 20, 30], [10, 20, 30, 40]], np.uint8)
    np.testing.assert_array_equal(image.resize(source, (1, 2), "area"), [[10, 30]])


def test_area_averages_along_the_side_that_shrinks_and_is_bilinear_along_the_other():
    source = np.arange(8, dtype=np.float32).reshape(1, 8)
    result = image.resize(source, (3, 4), "area")
    np.testing.assert_allclose(result, [[0.5, 2.5, 4.5, 6.5]] * 3)
    column = np.array([[0], [4]], np.float32).repeat(4, axis=1)
    result = image.resize(column, (4, 1), "area")
    np.testing.assert_allclose(result, [[0], [1], [3], [4]])


SIDES = st.integers(1, 15)
UNIT = st.floats(0, 1, width=32)


@given(hnp.arrays(np.float32, st.tuples(SIDES, SIDES), elements=UNIT), st.tuples(SIDES, SIDES))
@settings(deadline=None, max_examples=80)
def test_bilinear_is_that_of_torch(source, size):
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(source)[None, None], size, mode="bilinear", align_corners=False
    )
    np.testing.assert_allclose(image.resize(source, size), expected[0, 0].numpy(), atol=1e-5)


@given(st.tuples(SIDES, SIDES), st.tuples(SIDES, SIDES))
@settings(deadline=None, max_examples=80)
def test_nearest_takes_a_pixel_that_holds_the_centre(old, new):
    source = np.arange(old[0] * old[1], dtype=np.uint8).reshape(old)
    taken = np.divmod(image.resize(source, new, "nearest").astype(int), old[1])
    for axis in (0, 1):
        centres = (np.arange(new[axis]) + 0.5) * old[axis] / new[axis]
        centres = centres[:, None] if axis == 0 else centres[None]
        # On the border between two pixels either will do.
        assert np.all(np.abs(centres - (taken[axis] + 0.5)) <= 0.5 + 1e-6)


def test_a_view_is_resized_as_its_copy():
    source = np.random.default_rng(0).integers(0, 256, (8, 9, 4), dtype=np.uint8)
    view = source[::-1, ::2, ::-1]
    np.testing.assert_array_equal(
        image.resize(view, (3, 3), "area"), image.resize(view.copy(), (3, 3), "area")
    )


@pytest.mark.parametrize("size", [(0, 3), (3, -1), (3,), (3, 3, 3), 3, (2.0, 3), None, ("2", "3")])
def test_other_sizes_are_refused(size):
    with pytest.raises(InputError, match="height"):
        image.resize(np.zeros((2, 2), np.uint8), size)


def test_a_size_may_be_of_numpy():
    assert image.resize(np.zeros((2, 2), np.uint8), np.array([3, 4])).shape == (3, 4)


@pytest.mark.parametrize("shape", [(0, 2), (2,), (2, 2, 0), (2, 2, 5), (1, 2, 2, 3)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(InputError, match="got shape"):
        image.resize(np.zeros(shape, np.uint8), (2, 2))


@pytest.mark.parametrize("dtype", ["bool", "int64", "float16", ">f4"])
def test_other_types_are_refused(dtype):
    with pytest.raises(InputError, match=r"convert it with \.astyp"):
        image.resize(np.zeros((2, 2), dtype), (3, 3))


def test_other_interpolations_are_refused():
    with pytest.raises(InputError, match="area, bilinear, bicubic, nearest, got 'lanczos'"):
        image.resize(np.zeros((2, 2), np.uint8), (3, 3), "lanczos")
