"""write() and encode(): what comes back, and what is refused."""

import io

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image as PillowImage

from easyseg.errors import InputError, MediaError
from easyseg.pictures import _encode, image

NOISE = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
PICTURE = cv2.resize(NOISE, (60, 40), interpolation=cv2.INTER_CUBIC)
LOSSLESS = [".png", ".tif", ".tiff", ".bmp", ".dib", ".ppm"]
WITH_LOSS = [".jpg", ".jpeg", ".jpe", ".jfif", ".webp"]


def with_alpha():
    alpha = np.linspace(0, 255, 60).astype(np.uint8)
    return np.dstack([PICTURE, np.broadcast_to(alpha, (40, 60))])


def over_white(rgba):
    weight = rgba[..., 3:] / 255
    return np.rint(rgba[..., :3] * weight + 255 * (1 - weight)).astype(np.uint8)


# What is written


@pytest.mark.parametrize("extension", LOSSLESS)
@pytest.mark.parametrize("shape", [(1, 1), (1, 4000), (4000, 3), (40, 60)])
def test_formats_without_loss_give_back_every_pixel(extension, shape, tmp_path):
    picture = np.resize(PICTURE, (*shape, 3))
    path = image.write(tmp_path / f"a{extension}", picture)
    assert path == tmp_path / f"a{extension}"
    np.testing.assert_array_equal(image.read(path), picture)


@pytest.mark.parametrize("extension", [*LOSSLESS, *WITH_LOSS])
def test_grey_and_alpha(extension):
    grey = PICTURE[..., 0]
    tolerance = 0 if extension in LOSSLESS else 12
    result = image.read(image.encode(grey, extension)).astype(int)
    np.testing.assert_allclose(result, grey[..., None].repeat(3, axis=2), atol=tolerance)
    result = image.read(image.encode(with_alpha(), extension)).astype(int)
    np.testing.assert_allclose(result, over_white(with_alpha()), atol=3 * tolerance)


@pytest.mark.parametrize("extension", [".png", ".tiff"])
def test_alpha_is_kept_where_the_format_has_it(extension):
    with PillowImage.open(io.BytesIO(image.encode(with_alpha(), extension))) as picture:
        np.testing.assert_array_equal(np.asarray(picture), with_alpha())


@given(
    hnp.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3))),
    st.sampled_from(LOSSLESS),
)
@settings(deadline=None, max_examples=60)
def test_round_trip(picture, extension):
    np.testing.assert_array_equal(image.read(image.encode(picture, extension)), picture)


@pytest.mark.parametrize("extension", WITH_LOSS)
def test_formats_with_loss_come_close(extension):
    result = image.read(image.encode(PICTURE, extension, quality=100)).astype(int)
    assert np.abs(result - PICTURE).mean() < (1.5 if extension != ".webp" else 6)


@pytest.mark.parametrize("extension", [*LOSSLESS, *WITH_LOSS])
def test_the_format_is_what_the_extension_says(extension):
    with PillowImage.open(io.BytesIO(image.encode(PICTURE, extension.upper()))) as picture:
        expected = PillowImage.registered_extensions()[extension]
        assert picture.format == {"DIB": "BMP"}.get(expected, expected)


def test_the_dot_may_be_left_out():
    assert image.encode(PICTURE, "png") == image.encode(PICTURE)


def test_a_view_is_written_as_its_copy():
    view = PICTURE[::-1, ::2, ::-1]
    np.testing.assert_array_equal(image.read(image.encode(view)), view)


@pytest.mark.parametrize("extension", [".jpg", ".webp"])
def test_quality(extension):
    sizes = [len(image.encode(PICTURE, extension, quality=quality)) for quality in (5, 50, 100)]
    assert sizes == sorted(set(sizes))
    assert image.encode(PICTURE, extension) == image.encode(PICTURE, extension, quality=95)


def test_quality_does_not_matter_without_loss():
    assert image.encode(PICTURE, ".png", quality=1) == image.encode(PICTURE, ".png")


@pytest.mark.parametrize(("quality", "sampling"), [(95, 0), (90, 0), (89, 2), (1, 2)])
def test_a_good_jpeg_keeps_colours_at_full_resolution(quality, sampling):
    from PIL import JpegImagePlugin

    with PillowImage.open(io.BytesIO(image.encode(PICTURE, ".jpg", quality=quality))) as picture:
        assert JpegImagePlugin.get_sampling(picture) == sampling


# What is refused


@pytest.mark.parametrize("quality", [0, 101, -1, 9.5, "high", True])
@pytest.mark.parametrize("extension", [".jpg", ".png"])
def test_other_qualities_are_refused(quality, extension):
    with pytest.raises(InputError, match="from 1 to 100"):
        image.encode(PICTURE, extension, quality=quality)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (PICTURE.astype(np.float32), "uint8.*got float32"),
        (PICTURE[..., 0] > 9, r"got bool; .*astype\('uint8'\) \* 255"),
        (PICTURE[..., :2], r"got shape \(40, 60, 2\)"),
        (PICTURE[..., :1], r"got shape \(40, 60, 1\)"),
        (PICTURE[0, 0], r"got shape \(3,\)"),
        (PICTURE[None], r"got shape \(1, 40, 60, 3\)"),
        (PICTURE[:0], r"at least 1x1 pixels, got shape \(0, 60, 3\)"),
        (PICTURE.tolist(), "numpy array, got list"),
        (PillowImage.fromarray(PICTURE), "numpy array, got Image"),
    ],
)
def test_other_arrays_are_refused(array, message, tmp_path):
    with pytest.raises(InputError, match=message):
        image.write(tmp_path / "a.png", array)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.xyz", "a", "a.gif", ".png", "a.png.txt"])
def test_an_unknown_extension_names_the_known_ones(name, tmp_path):
    with pytest.raises(MediaError, match=r"\.bmp, \.dib, .*\.jpg, .*\.png"):
        image.write(tmp_path / name, PICTURE)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("extension", "side"), [(".jpg", 65_501), (".webp", 16_384)])
def test_a_picture_that_is_too_large_for_its_format(extension, side, capfd):
    with pytest.raises(MediaError, match=rf"at most {side - 1} pixels a side, got {side}x1"):
        image.encode(np.zeros((1, side, 3), np.uint8), extension)
    largest = image.read(image.encode(np.zeros((1, side - 1), np.uint8), extension))
    assert largest.shape == (1, side - 1, 3)
    assert capfd.readouterr() == ("", "")


def test_what_opencv_refuses_is_a_media_error(monkeypatch):
    monkeypatch.setattr(_encode.cv2, "imencode", lambda *args: (False, None))
    with pytest.raises(MediaError, match=r"as \.jpg; try \.png"):
        image.encode(PICTURE, ".jpg")


def test_a_missing_folder(tmp_path):
    with pytest.raises(MediaError, match=r"there is no folder .*new; create it first"):
        image.write(tmp_path / "new" / "a.png", PICTURE)


def test_a_file_where_the_folder_should_be(tmp_path):
    (tmp_path / "new").write_text("")
    with pytest.raises(MediaError, match="there is no folder"):
        image.write(tmp_path / "new" / "a.png", PICTURE)


def test_a_target_that_is_a_folder(tmp_path):
    (tmp_path / "a.png").mkdir()
    with pytest.raises(MediaError, match="it is a folder"):
        image.write(tmp_path / "a.png", PICTURE)


@pytest.mark.parametrize("name", ["x" * 5000 + ".png", "x" * 254 + ".png", "a\0b.png"])
def test_a_name_that_cannot_be(name, tmp_path):
    with pytest.raises(MediaError, match=r"too long|null"):
        image.write(tmp_path / name, PICTURE)
    assert list(tmp_path.iterdir()) == []


def test_a_long_name_is_fine(tmp_path):
    path = image.write(tmp_path / ("x" * 251 + ".png"), PICTURE)
    np.testing.assert_array_equal(image.read(path), PICTURE)
