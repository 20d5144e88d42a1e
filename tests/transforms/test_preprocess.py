import dataclasses
import re
from typing import Any, TypeAlias

import numpy as np
import PIL.Image
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from easyseg.errors import InputError
from easyseg.transforms import Preprocess, restore

Pair: TypeAlias = tuple[int, int]

RAW: dict[str, Any] = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0), "scale": 1.0}


def picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def sizes(preprocess: Preprocess, height: int, width: int) -> tuple[Any, Any, Any]:
    x, geometry = preprocess(np.zeros((height, width, 3), np.uint8))
    assert x.shape == (1, 3, *geometry.padded)
    assert geometry.original == (height, width)
    return geometry.resized, geometry.padded, geometry.offset


def test_values_by_hand() -> None:
    preprocess = Preprocess((0.5, 0.25, 0.0), (0.5, 0.25, 2.0), resize="native")
    x, geometry = preprocess(np.array([[[0, 255, 51], [255, 0, 102]]], np.uint8))
    expected = [[[[-1, 1]], [[3, -1]], [[0.1, 0.2]]]]
    torch.testing.assert_close(x, torch.tensor(expected), rtol=0, atol=1e-6)
    assert geometry.padded == (1, 2)


def test_bgr_turns_the_picture_and_not_the_mean() -> None:
    preprocess = Preprocess((1.0, 2.0, 3.0), (1.0, 1.0, 1.0), 1.0, "bgr", "native")
    x, _ = preprocess(np.array([[[10, 20, 30]]], np.uint8))
    assert x.flatten().tolist() == [29, 18, 7]


@pytest.mark.parametrize("channel_order", ["rgb", "bgr"])
def test_agrees_with_the_formula(channel_order: Any) -> None:
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    image = picture(31, 17)
    x, _ = Preprocess(mean, std, channel_order=channel_order, resize="native")(image)
    turned = image if channel_order == "rgb" else image[..., ::-1]
    expected = (turned.astype(np.float64) / 255 - mean) / std
    np.testing.assert_allclose(x[0].permute(1, 2, 0), expected, atol=1e-6)


def test_output_is_a_contiguous_tensor_of_its_own() -> None:
    image = picture(8, 6)
    before = image.copy()
    x, _ = Preprocess(**RAW, resize="native")(image)
    assert x.dtype == torch.float32
    assert x.is_contiguous()
    x.zero_()
    np.testing.assert_array_equal(image, before)


def test_strides_do_not_matter() -> None:
    image = picture(20, 30)
    preprocess = Preprocess(**RAW, size=16)
    turned = np.asfortranarray(image)
    read_only = image.view()
    read_only.setflags(write=False)
    for same in (turned, read_only, np.repeat(image, 2, axis=1)[:, ::2]):
        torch.testing.assert_close(preprocess(same)[0], preprocess(image)[0], rtol=0, atol=0)


def test_normalisation_never_looks_at_the_data() -> None:
    preprocess = Preprocess((0.5, 0.5, 0.5), (0.5, 0.5, 0.5), resize="native")
    black, _ = preprocess(np.zeros((2, 2, 3), np.uint8))
    dark, _ = preprocess(np.ones((2, 2, 3), np.uint8))
    np.testing.assert_array_equal(black, np.float32(-1))
    np.testing.assert_allclose(dark, 2 / 255 - 1, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "original", "resized"),
    [
        ({"resize": "native"}, (37, 53), (37, 53)),
        ({"resize": "fixed", "size": 64}, (37, 53), (64, 64)),
        ({"resize": "fixed", "size": (20, 30)}, (37, 53), (20, 30)),
        ({"resize": "long_side", "size": 100}, (50, 200), (25, 100)),
        ({"resize": "long_side", "size": 100}, (20, 10), (100, 50)),
        ({"resize": "long_side", "size": 100}, (4000, 3), (100, 1)),
        ({"resize": "long_side", "size": 100}, (1, 4000), (1, 100)),
        ({"resize": "long_side", "size": 100}, (1, 1), (100, 100)),
        ({"resize": "short_side", "size": 512}, (480, 640), (512, 683)),  # 682.67 + 0.5
        ({"resize": "short_side", "size": 512, "max_size": 2048}, (480, 640), (512, 683)),
        ({"resize": "short_side", "size": 100, "max_size": 400}, (50, 1000), (20, 400)),
        ({"resize": "short_side", "size": 512, "max_size": 2048}, (4000, 3), (2048, 2)),
        ({"resize": "short_side", "size": 512, "max_size": 2048}, (1, 4000), (1, 2048)),
        ({"resize": "short_side", "size": 3}, (2, 3), (3, 5)),  # 4.5 + 0.5
    ],
)
def test_resize_rules(options: dict[str, Any], original: Pair, resized: Pair) -> None:
    assert sizes(Preprocess(**RAW, **options), *original) == (resized, resized, (0, 0))


@pytest.mark.parametrize(
    ("options", "original", "padded", "offset"),
    [
        ({"divisor": 32}, (33, 64), (64, 64), (0, 0)),
        ({"divisor": 32}, (32, 64), (32, 64), (0, 0)),
        ({"divisor": 32, "padding": "center"}, (33, 64), (64, 64), (15, 0)),
        ({"divisor": 32}, (1, 1), (32, 32), (0, 0)),
        ({"square": True}, (30, 45), (45, 45), (0, 0)),
        ({"square": True, "padding": "center"}, (30, 45), (45, 45), (7, 0)),
        ({"square": True, "divisor": 32, "padding": "center"}, (30, 45), (64, 64), (17, 9)),
    ],
)
def test_padding_rules(
    options: dict[str, Any],
    original: tuple[int, int],
    padded: tuple[int, int],
    offset: tuple[int, int],
) -> None:
    preprocess = Preprocess(**RAW, resize="native", **options)
    assert sizes(preprocess, *original) == (original, padded, offset)


def test_padding_is_zero_after_normalisation() -> None:
    preprocess = Preprocess((0.5, 0.5, 0.5), (0.5, 0.5, 0.5), resize="native", divisor=2)
    x, _ = preprocess(np.full((1, 1, 3), 255, np.uint8))
    np.testing.assert_array_equal(x[0], np.broadcast_to([[1.0, 0.0], [0.0, 0.0]], (3, 2, 2)))


def test_padding_colour_is_normalised_like_the_picture() -> None:
    preprocess = Preprocess(
        (0.0, 10.0, 20.0),
        (1.0, 1.0, 10.0),
        1.0,
        resize="native",
        square=True,
        padding="center",
        pad_value=(128, 128, 0),
    )
    x, _ = preprocess(np.full((1, 3, 3), 30, np.uint8))
    for channel, (border, inner) in enumerate([(128, 30), (118, 20), (-2, 1)]):
        expected = [[border] * 3, [inner] * 3, [border] * 3]
        np.testing.assert_allclose(x[0, channel], expected, atol=1e-6)


def test_area_averages_what_bilinear_skips() -> None:
    stripes = np.zeros((8, 8, 3), np.uint8)
    stripes[:, ::4] = 200
    area, _ = Preprocess(**RAW, size=2)(stripes)
    np.testing.assert_array_equal(area, 50)
    nearest, _ = Preprocess(**RAW, size=2, interpolation="nearest")(stripes)
    assert set(nearest.flatten().tolist()) <= {0, 200}


@given(
    height=st.integers(1, 300),
    width=st.integers(1, 300),
    rule=st.sampled_from(["short_side", "long_side", "native"]),
    size=st.integers(1, 80),
    divisor=st.sampled_from([1, 7, 32]),
    square=st.booleans(),
    padding=st.sampled_from(["bottom_right", "center"]),
)
@settings(deadline=None, max_examples=60)
def test_geometry_holds_for_any_size(
    height: int, width: int, rule: Any, size: int, divisor: int, square: bool, padding: Any
) -> None:
    max_size = 4 * size if rule == "short_side" else None
    preprocess = Preprocess(
        **RAW,
        resize=rule,
        size=size,
        max_size=max_size,
        divisor=divisor,
        square=square,
        padding=padding,
    )
    x, geometry = preprocess(np.zeros((height, width, 3), np.uint8))
    assert x.shape == (1, 3, *geometry.padded)
    assert all(side % divisor == 0 for side in geometry.padded)
    assert not square or geometry.padded[0] == geometry.padded[1]
    longest, shortest = max(geometry.resized), min(geometry.resized)
    assert shortest >= 1
    if rule == "long_side":
        assert longest == size
    if rule == "short_side":
        assert longest <= 4 * size
        assert shortest <= size
    # The proportions are kept to half a pixel of rounding on either side.
    if rule != "native" and shortest > 1:
        factor = geometry.resized[0] / height
        assert abs(geometry.resized[1] - width * factor) <= 0.5 + 0.5 * width / height + 1e-9


@pytest.mark.parametrize("padding", ["bottom_right", "center"])
@pytest.mark.parametrize("align_corners", [False, True])
def test_the_way_there_and_back_ends_where_it_began(padding: Any, align_corners: bool) -> None:
    bright = np.zeros((90, 160), bool)
    bright[20:61, 40:121] = True
    image = np.repeat(bright[..., None], 3, axis=2).astype(np.uint8) * 255
    preprocess = Preprocess(
        **RAW,
        size=96,
        divisor=32,
        square=True,
        padding=padding,
        pad_value=(0, 0, 0),
        align_corners=align_corners,
    )
    x, geometry = preprocess(image)
    # A network that answers "bright" at full size: its logits are the picture itself.
    labels = restore(torch.stack([255 - x[0, 0], x[0, 0]]), geometry)
    wrong = labels.astype(bool) != bright
    assert wrong.mean() < 0.01
    # What is wrong lies within two pixels of an edge.
    edge = np.zeros_like(bright)
    edge[18:63, 38:123] = True
    edge[22:59, 42:119] = False
    assert not (wrong & ~edge).any()


def test_with_size() -> None:
    preprocess = Preprocess(**RAW, resize="short_side", size=512, max_size=2048)
    half = preprocess.with_size(256)
    assert (half.size, half.max_size) == (256, 1024)
    assert preprocess.with_size(4096).max_size == 16384
    assert dataclasses.replace(half, size=512, max_size=2048) == preprocess
    assert Preprocess(**RAW, size=512).with_size(320) == Preprocess(**RAW, size=320)
    fixed = Preprocess(**RAW, resize="fixed", size=(20, 30)).with_size((40, 50))
    assert fixed.size == (40, 50)
    with pytest.raises(InputError, match="its size cannot be 300"):
        Preprocess(**RAW, resize="native").with_size(300)
    with pytest.raises(InputError, match="whole number of at least 1, got 0"):
        preprocess.with_size(0)
    with pytest.raises(InputError, match="size must be one whole number"):
        preprocess.with_size((10, 10))


def test_is_a_frozen_value() -> None:
    assert hash(Preprocess(**RAW)) == hash(Preprocess(**RAW))
    with pytest.raises(dataclasses.FrozenInstanceError):
        Preprocess(**RAW).size = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mean": (0.0, 0.0)}, "mean must be a tuple of three finite numbers, got (0.0, 0.0)"),
        ({"mean": [0.0, 0.0, 0.0]}, "mean must be a tuple"),
        ({"mean": (0.0, float("nan"), 0.0)}, "mean must be a tuple of three finite"),
        ({"std": (1.0, 0.0, 1.0)}, "std must be above 0"),
        ({"scale": 0}, "scale must be a number above 0"),
        ({"channel_order": "RGB"}, "channel_order must be one of rgb, bgr, got 'RGB'"),
        ({"resize": "crop"}, "resize must be one of short_side, long_side, fixed, native"),
        ({"padding": "left"}, "padding must be one of"),
        ({"interpolation": "lanczos"}, "interpolation must be one of"),
        ({"size": 0}, "size must be a whole number of at least 1, got 0"),
        ({"size": 512.0}, "size must be a whole number"),
        ({"size": (512, 512)}, "size must be one whole number"),
        ({"resize": "fixed", "size": (512, 0)}, "size must be a whole number"),
        ({"resize": "fixed", "size": (1, 2, 3)}, "size must be one whole number"),
        ({"max_size": 2048}, 'max_size is for resize="short_side"'),
        ({"resize": "short_side", "max_size": 100}, "must not be below size"),
        ({"divisor": 0}, "divisor must be a whole number"),
        ({"pad_value": (0, 0, 256)}, "pad_value must be a colour of 0..255"),
    ],
)
def test_nonsense_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        Preprocess(**{**RAW, **options})


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((4, 4), np.uint8), "got uint8 (4, 4)"),
        (np.zeros((4, 4, 4), np.uint8), "got uint8 (4, 4, 4)"),
        (np.zeros((4, 4, 3), np.float32), "got float32 (4, 4, 3)"),
        (np.zeros((0, 4, 3), np.uint8), "got uint8 (0, 4, 3)"),
        ("photo.jpg", "must be a numpy array, RGB uint8 (H, W, 3), got str"),
    ],
)
def test_other_images_are_refused(image: Any, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        Preprocess(**RAW)(image)


def test_a_strip_is_not_enlarged_beyond_reason() -> None:
    strip = np.zeros((4000, 3, 3), np.uint8)
    with pytest.raises(InputError, match="enlarged to 512 x 682667; crop it, or set max_size"):
        Preprocess(**RAW, resize="short_side")(strip)
    x, _ = Preprocess(**RAW, resize="short_side", max_size=2048, divisor=32)(strip)
    assert x.shape == (1, 3, 2048, 32)


@pytest.mark.parametrize(("height", "width"), [(480, 640), (37, 1000), (1, 1), (1, 4000), (20, 9)])
def test_corners_lie_on_corners(height: int, width: int) -> None:
    preprocess = Preprocess(**RAW, size=97, corner_stride=16, align_corners=True)
    resized, padded, _ = sizes(preprocess, height, width)
    assert resized == padded
    for side, length in zip(resized, (height, width), strict=True):
        wanted = length * 97 / max(height, width)
        assert side % 16 == 1
        assert side == 17 or abs(side - wanted) <= 8


def test_other_sizes_are_brought_to_corners_too() -> None:
    preprocess = Preprocess(**RAW, resize="fixed", size=(50, 60), corner_stride=16)
    assert sizes(preprocess, 9, 9)[0] == (49, 65)
    native = Preprocess(**RAW, resize="native", corner_stride=8)
    assert sizes(native, 30, 33)[0] == (33, 33)
    assert sizes(preprocess.with_size(80), 9, 9)[0] == (81, 81)
    with pytest.raises(InputError, match="corner_stride"):
        Preprocess(**RAW, corner_stride=0)


@pytest.mark.parametrize("shape", [(480, 640), (33, 500), (20, 9), (1, 1)])
def test_antialiased_is_pillows_bilinear(shape: Pair) -> None:
    image = picture(*shape)
    preprocess = Preprocess(**RAW, size=97, interpolation="antialiased")
    x, geometry = preprocess(image)
    small = PIL.Image.fromarray(image).resize(geometry.resized[::-1], PIL.Image.Resampling.BILINEAR)
    difference = x[0].permute(1, 2, 0).numpy() - np.asarray(small, np.float32)
    assert np.abs(difference).max() <= 1
    read_only = image[::-1, ::-1][::-1, ::-1]
    read_only.setflags(write=False)
    torch.testing.assert_close(preprocess(read_only)[0], x, rtol=0, atol=0)
