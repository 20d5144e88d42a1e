"""read() of arrays, tensors and PIL images."""

import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image as PillowImage

from easyseg.errors import InputError, MediaError
from easyseg.pictures import image
from easyseg.pictures._pixels import over_white

RGB = np.array([[[1, 2, 3], [250, 0, 9]]], np.uint8)
PICTURES = hnp.arrays(
    np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 3, 4]))
)


def check_is_image(array):
    assert array.dtype == np.uint8
    assert array.ndim == 3
    assert array.shape[2] == 3
    assert array.flags.c_contiguous
    assert array.flags.writeable


@pytest.mark.parametrize("shape", [(1, 1), (1, 4000), (4000, 3), (3, 3)])
@pytest.mark.parametrize("channels", [(), (1,), (3,), (4,)])
def test_any_size_and_number_of_channels(shape, channels):
    result = image.read(np.full(shape + channels, 255, np.uint8))
    check_is_image(result)
    np.testing.assert_array_equal(result, np.full((*shape, 3), 255))


def test_the_result_shares_no_memory_with_the_source():
    source = RGB.copy()
    result = image.read(source)
    source[:] = 0
    np.testing.assert_array_equal(result, RGB)


def test_bgr_is_turned_round():
    np.testing.assert_array_equal(image.read(RGB[..., ::-1], color="bgr"), RGB)


def test_bgr_with_alpha_is_turned_round_too():
    bgra = np.dstack([RGB[..., ::-1], np.full(RGB.shape[:2], 255, np.uint8)])
    np.testing.assert_array_equal(image.read(bgra, color="bgr"), RGB)


@given(PICTURES)
@settings(deadline=None, max_examples=50)
def test_views_give_what_their_copies_give(picture):
    for view in (picture[::-1], picture[:, ::2], picture.transpose(1, 0, 2)):
        result = image.read(view)
        check_is_image(result)
        np.testing.assert_array_equal(result, image.read(view.copy()))


def test_an_array_that_may_not_be_written_gives_one_that_may():
    source = RGB.copy()
    source.flags.writeable = False
    check_is_image(image.read(source))


@given(PICTURES, st.sampled_from([np.float16, np.float32, np.float64, np.dtype(">f4")]))
@settings(deadline=None, max_examples=50)
def test_floats_from_0_to_1_are_the_bytes_over_255(picture, dtype):
    np.testing.assert_array_equal(
        image.read((picture / 255).astype(dtype)),
        image.read(picture),
    )


@given(PICTURES)
@settings(deadline=None, max_examples=50)
def test_16_bits_are_the_bytes_times_257(picture):
    np.testing.assert_array_equal(image.read(picture.astype(np.uint16) * 257), image.read(picture))


def test_16_bits_are_rounded_and_may_have_either_byte_order():
    values = np.array([[0, 128, 129, 257, 65406, 65407, 65535]], np.uint16)
    for dtype in ("<u2", ">u2"):
        result = image.read(values.astype(dtype))[..., 0]
        np.testing.assert_array_equal(result, [[0, 0, 1, 1, 254, 255, 255]])


def test_bool_is_black_and_white():
    np.testing.assert_array_equal(
        image.read(np.array([[True, False]])), [[[255, 255, 255], [0, 0, 0]]]
    )


def test_the_meaning_of_floats_does_not_depend_on_their_values():
    np.testing.assert_array_equal(image.read(np.full((1, 1), 1.0)), [[[255, 255, 255]]])
    np.testing.assert_array_equal(image.read(np.full((1, 1), 0.5)), [[[128, 128, 128]]])


def test_floats_may_step_over_the_ends_by_a_rounding():
    values = np.array([[-1e-4, 1 + 1e-4]])
    np.testing.assert_array_equal(image.read(values)[..., 0], [[0, 255]])


@pytest.mark.parametrize("value", [-0.1, 1.1, 255.0, np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_other_floats_are_refused(value, dtype):
    array = np.zeros((2, 2, 3), dtype)
    array[1, 1, 1] = value
    with pytest.raises(InputError, match=r"from 0 to 1, got values from .* divide 0\.\.255 by 255"):
        image.read(array)


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "int64", "uint32", "complex64", "O"])
def test_other_types_are_refused(dtype):
    with pytest.raises(InputError, match=r"got (u?int|complex|object).*astype"):
        image.read(np.zeros((2, 2, 3), dtype))


@pytest.mark.parametrize(
    ("shape", "advice"),
    [
        ((0, 5, 3), "at least 1x1"),
        ((5, 0), "at least 1x1"),
        ((5,), r"\(5,\)"),
        ((5, 5, 2), r"1, 3 or 4 channels, got shape \(5, 5, 2\)"),
        ((3, 5, 5), r"transpose\(1, 2, 0\)"),
        ((1, 5, 5, 3), "one picture at a time"),
    ],
)
def test_other_shapes_are_refused(shape, advice):
    with pytest.raises(InputError, match=advice):
        image.read(np.zeros(shape, np.uint8))


def test_alpha_is_laid_over_white_and_rounded_for_all_values():
    color, alpha = np.meshgrid(np.arange(256), np.arange(256))
    picture = np.stack([color, 255 - color, color * 0, alpha], axis=2).astype(np.uint8)
    opaque, weight = picture[..., :3].astype(float), alpha[..., None] / 255
    np.testing.assert_array_equal(
        over_white(picture), np.rint(opaque * weight + 255 * (1 - weight))
    )


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.float16, torch.bfloat16])
def test_a_tensor_has_its_channels_first_or_last(dtype):
    last = torch.from_numpy(np.arange(0, 240, 10, dtype=np.uint8).reshape(2, 4, 3) // 128 * 255)
    expected = last.numpy()
    tensor = last if dtype == torch.uint8 else (last / 255).to(dtype)
    np.testing.assert_array_equal(image.read(tensor), expected)
    np.testing.assert_array_equal(image.read(tensor.permute(2, 0, 1)), expected)


def test_a_tensor_that_could_be_either_has_its_channels_first():
    tensor = torch.arange(27, dtype=torch.uint8).reshape(3, 3, 3)
    np.testing.assert_array_equal(image.read(tensor), tensor.permute(1, 2, 0).numpy())


def test_a_tensor_may_be_grey_bgr_or_in_need_of_a_gradient():
    np.testing.assert_array_equal(
        image.read(torch.zeros(2, 3, dtype=torch.bool)), np.zeros((2, 3, 3))
    )
    bgr = torch.from_numpy(RGB[..., ::-1].transpose(2, 0, 1).copy())
    np.testing.assert_array_equal(image.read(bgr, color="bgr"), RGB)
    np.testing.assert_array_equal(
        image.read(torch.ones(3, 2, 2, requires_grad=True)), np.full((2, 2, 3), 255)
    )


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (torch.zeros(1, 3, 4, 4), "one picture at a time"),
        (torch.zeros(3, 4, 4, dtype=torch.int64), "got int64"),
        (torch.full((3, 4, 4), 2.0), "from 0 to 1"),
        (torch.zeros(3, 4, 4).to_sparse(), "dense tensor"),
        (torch.zeros(3, 4, 4, device="meta"), "dense tensor"),
    ],
)
def test_other_tensors_are_refused(tensor, message):
    with pytest.raises(InputError, match=message):
        image.read(tensor)


def test_torch_is_not_loaded_to_look_for_tensors():
    code = (
        "import sys, numpy; from easyseg.pictures import image; "
        "image.read(numpy.zeros((2, 2), 'uint8')); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


PILLOW_RGB = PillowImage.fromarray(RGB)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "RGBa"])
def test_every_mode_of_pillow_is_as_pillow_converts_it(mode):
    picture = PILLOW_RGB.convert({"PA": "P", "RGBa": "RGBA"}.get(mode, mode)).convert(mode)
    expected = picture.convert("RGBA").convert("RGB")
    result = image.read(picture)
    check_is_image(result)
    np.testing.assert_array_equal(result, np.asarray(expected))


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "HSV"])
def test_colour_spaces_of_pillow(mode):
    picture = PillowImage.new("RGB", (2, 1), (200, 30, 60)).convert(mode)
    np.testing.assert_allclose(image.read(picture)[0, 0].astype(int), (200, 30, 60), atol=3)


def test_pillow_16_bits_and_floats():
    deep = PillowImage.fromarray(np.array([[0, 257 * 7, 65535]], np.uint16))
    assert deep.mode == "I;16"
    np.testing.assert_array_equal(image.read(deep)[0, :, 0], [0, 7, 255])
    floats = PillowImage.fromarray(np.array([[0, 0.5, 1]], np.float32))
    np.testing.assert_array_equal(image.read(floats)[0, :, 1], [0, 128, 255])


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (PillowImage.new("I", (2, 2)), "got int32"),
        (PillowImage.new("F", (2, 2), 7), "from 0 to 1"),
        (PILLOW_RGB.convert("LA").convert("La"), "mode La "),
        (PillowImage.new("RGB", (0, 2)), "at least 1x1"),
    ],
)
def test_pillow_pictures_without_a_known_range_are_refused(picture, message):
    with pytest.raises(InputError, match=message):
        image.read(picture)


def test_a_transparent_colour_of_pillow_becomes_white():
    picture = PILLOW_RGB.copy()
    picture.info["transparency"] = (1, 2, 3)
    np.testing.assert_array_equal(image.read(picture), [[[255, 255, 255], [250, 0, 9]]])


def test_a_pillow_picture_is_not_rotated(tmp_path):
    exif = PillowImage.Exif()
    exif[0x0112] = 6
    PILLOW_RGB.save(tmp_path / "a.png", exif=exif)
    with PillowImage.open(tmp_path / "a.png") as picture:
        np.testing.assert_array_equal(image.read(picture), RGB)


def test_a_closed_pillow_picture_is_an_error(tmp_path):
    PILLOW_RGB.save(tmp_path / "a.png")
    picture = PillowImage.open(tmp_path / "a.png")
    picture.close()
    with pytest.raises(MediaError, match="the PIL image"):
        image.read(picture)


def test_the_limit_holds_for_pillow_pictures():
    with pytest.raises(MediaError, match=re.escape("2x1 is 2 pixels and the limit is 1;")):
        image.read(PILLOW_RGB, max_pixels=1)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (None, "cv2.imread returns None"),
        ([RGB], "one picture at a time"),
        (7, "got int"),
        (RGB[0, 0, 0], "got uint8"),
        ("", "empty"),
    ],
)
def test_other_sources_are_refused(source, message):
    with pytest.raises(InputError, match=message):
        image.read(source)


def test_other_colour_orders_are_refused():
    with pytest.raises(InputError, match="'RGB'"):
        image.read(RGB, color="RGB")


def test_a_closed_pil_image_is_said_to_be_closed(tmp_path):
    picture = PillowImage.new("RGB", (8, 6), "red")
    picture.save(tmp_path / "a.png")
    picture.save(tmp_path / "a.jpg")
    picture.close()
    with PillowImage.open(tmp_path / "a.jpg") as left:
        pass
    closed = [picture, left]
    for name in ("a.png", "a.jpg"):
        opened = PillowImage.open(tmp_path / name)
        loaded = PillowImage.open(tmp_path / name)
        loaded.load()
        for one in (opened, loaded):
            one.close()
        closed += [opened, loaded]
    for one in closed:
        try:
            one.copy()
        except (ValueError, AttributeError, AssertionError):
            with pytest.raises(MediaError, match="closed"):
                image.read(one)
        else:  # its pixels are still there
            assert image.read(one).shape == (6, 8, 3)
