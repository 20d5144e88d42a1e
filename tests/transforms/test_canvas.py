"""The second half of preprocessing on a device, against the whole of it on the CPU."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from easyseg.errors import InputError
from easyseg.transforms import Preprocess, lay_out

CPU = torch.device("cpu")
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@given(
    height=st.integers(1, 60),
    width=st.integers(1, 60),
    rule=st.sampled_from(["short_side", "long_side", "fixed", "native"]),
    divisor=st.sampled_from([1, 7, 32]),
    square=st.booleans(),
    padding=st.sampled_from(["bottom_right", "center"]),
    pad_value=st.sampled_from([None, (0, 0, 0), (104.5, 117, 255)]),
    channel_order=st.sampled_from(["rgb", "bgr"]),
    scale=st.sampled_from([1.0, 1 / 255, 1 / 127.5]),
)
@settings(deadline=None, max_examples=100)
def test_it_gives_the_numbers_of_the_cpu(
    height: int, width: int, rule: Any, scale: float, **options: Any
) -> None:
    max_size = 64 if rule == "short_side" else None
    preprocess = Preprocess(
        MEAN, STD, scale=scale, resize=rule, size=32, max_size=max_size, **options
    )
    expected, geometry = preprocess(picture(height, width))
    fitted = preprocess.fit(picture(height, width))
    assert fitted[0].dtype == np.uint8
    assert fitted[0].shape == (*geometry.resized, 3)
    assert fitted[1] == geometry
    x = lay_out([fitted], preprocess, CPU)
    assert x.dtype == torch.float32
    torch.testing.assert_close(x, expected, rtol=1e-6, atol=1e-6)


def test_each_picture_of_a_batch_has_its_own_place() -> None:
    preprocess = Preprocess(
        MEAN, STD, size=50, divisor=32, padding="center", pad_value=(9, 99, 200)
    )
    pictures = [picture(50, width, seed=width) for width in (50, 40, 33, 48)]
    fitted = [preprocess.fit(one) for one in pictures]
    assert len({geometry.resized for _, geometry in fitted}) == 4
    x = lay_out(fitted, preprocess, CPU)
    assert x.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(x, torch.cat([preprocess(one)[0] for one in pictures]))


def test_strides_and_locks_do_not_matter() -> None:
    preprocess = Preprocess(MEAN, STD, resize="native")
    image = picture(20, 30)
    read_only = image.view()
    read_only.setflags(write=False)
    expected = preprocess(image)[0]
    for same in (read_only, np.asfortranarray(image), image[:, ::-1].copy()[:, ::-1]):
        x = lay_out([preprocess.fit(same)], preprocess, CPU)
        torch.testing.assert_close(x, expected)
    before = image.copy()
    lay_out([preprocess.fit(image)], preprocess, CPU).zero_()
    np.testing.assert_array_equal(image, before)


def test_one_batch_has_one_canvas() -> None:
    preprocess = Preprocess(MEAN, STD, resize="native")
    fitted = [preprocess.fit(picture(8, width)) for width in (8, 9)]
    with pytest.raises(InputError, match=r"padded to one size, got \[\(8, 8\), \(8, 9\)\]"):
        lay_out(fitted, preprocess, CPU)


@pytest.mark.gpu
@pytest.mark.parametrize("channel_order", ["rgb", "bgr"])
def test_a_gpu_gives_the_numbers_of_the_cpu(channel_order: Any) -> None:
    preprocess = Preprocess(
        MEAN, STD, channel_order=channel_order, size=96, divisor=64, pad_value=(9, 99, 200)
    )
    # Enough of them that pinned memory is used again while copies may still be under way.
    for seed in range(30):
        images = [picture(90, width, seed) for width in (120, 100)]
        x = lay_out([preprocess.fit(one) for one in images], preprocess, torch.device("cuda"))
        assert x.is_cuda
        expected = torch.cat([preprocess(one)[0] for one in images])
        torch.testing.assert_close(x.cpu(), expected, rtol=1e-6, atol=1e-6)
