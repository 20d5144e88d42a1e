"""Effects: what is in front stays, what is behind changes, and neither bleeds into the other."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from easyseg.errors import InputError
from easyseg.render import cutting, effects, rim

FRONT, BEHIND = (220, 30, 20), (20, 60, 200)


def _alpha(shape=(120, 160)):
    """A square in front with a soft rim of 6 pixels."""

    def ramp(size):
        place = np.arange(size)
        return np.clip(np.minimum(place - size / 4, 3 * size / 4 - place) / 6, 0, 1)

    return np.rint(255 * np.outer(ramp(shape[0]), ramp(shape[1]))).astype(np.uint8)


def _mixed(alpha, behind=BEHIND):
    share = alpha[..., np.newaxis] / 255
    return np.rint(share * FRONT + (1 - share) * np.asarray(behind)).astype(np.uint8)


ALL = [
    effects.Blur(1.0), effects.Blur(0), effects.Gray(), effects.Pixelate(), effects.Fill((1, 2, 3)),
    effects.Backdrop(np.full((5, 9, 3), 77, np.uint8)),
    effects.Moving(lambda: np.full((5, 9, 3), 77, np.uint8)),
]  # fmt: skip


@pytest.mark.parametrize("effect", ALL, ids=lambda effect: type(effect).__name__)
@pytest.mark.parametrize("invert", [False, True])
def test_what_is_kept_is_the_photograph_and_nothing_is_written_to(effect, invert):
    alpha = _alpha()
    image = np.random.default_rng(0).integers(0, 256, (*alpha.shape, 3), dtype=np.uint8)
    before = image.copy()
    result = effects.apply(image, alpha, effect, invert=invert)
    kept = alpha == (0 if invert else 255)
    np.testing.assert_array_equal(result[kept], image[kept])
    np.testing.assert_array_equal(image, before)
    assert not np.may_share_memory(result, image)


@settings(max_examples=25, deadline=None)
@given(
    st.tuples(st.integers(1, 30), st.integers(1, 30)),
    st.sampled_from(ALL),
    st.integers(0, 1000),
    st.booleans(),
)
def test_any_shape_and_any_alpha(shape, effect, seed, invert):
    random = np.random.default_rng(seed)
    image = random.integers(0, 256, (*shape, 3), dtype=np.uint8)
    alpha = random.choice(np.array([0, 90, 255], np.uint8), shape)
    result = effects.apply(image, alpha, effect, invert=invert)
    assert result.shape == image.shape
    assert result.dtype == np.uint8


@pytest.mark.parametrize("effect", [effects.Blur(1.0), effects.Pixelate(1.0), effects.Blur("low")])
def test_the_colours_in_front_do_not_run_into_the_background(effect):
    alpha = _alpha()
    result = effects.apply(_mixed(alpha), alpha, effect)
    np.testing.assert_allclose(result[alpha == 0], np.tile(BEHIND, ((alpha == 0).sum(), 1)), atol=3)


def test_a_blur_is_as_wide_as_the_picture_is_large():
    widths = []
    for size in (100, 400):
        image = np.zeros((size, size, 3), np.uint8)
        image[:, size // 2 :] = 255
        row = effects.apply(image, np.zeros((size, size), np.uint8), effects.Blur(0.5))[0, :, 0]
        widths.append(np.count_nonzero((row > 40) & (row < 215)) / size)
    assert widths[0] == pytest.approx(widths[1], rel=0.15)
    assert 0.02 < widths[0] < 0.1


def test_the_rim_takes_the_colour_of_the_new_background():
    alpha = _alpha()
    result = effects.apply(_mixed(alpha), alpha, effects.Fill((0, 255, 0)))
    exact = _mixed(alpha, behind=(0, 255, 0))
    assert np.abs(result.astype(int) - exact).max() <= 12
    naive = alpha[..., np.newaxis] / 255 * _mixed(alpha) + (
        1 - alpha[..., np.newaxis] / 255
    ) * np.array((0, 255, 0))
    assert np.abs(naive - exact).max() > 40


def test_both_sides_of_the_rim_are_told_apart():
    alpha = _alpha()
    layers = rim.separate(_mixed(alpha), alpha)
    share = alpha.reshape(-1)[layers.rim, np.newaxis] / 255
    # What is hardly there need not be told exactly.
    assert (share * np.abs(layers.front.astype(int) - FRONT)).max() < 12
    assert ((1 - share) * np.abs(layers.behind.astype(int) - BEHIND)).max() < 12


def test_gray_and_mosaic():
    alpha = np.zeros((64, 64), np.uint8)
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    gray = effects.apply(image, alpha, effects.Gray())
    np.testing.assert_array_equal(gray[..., 0], gray[..., 2])
    mosaic = effects.apply(image, alpha, effects.Pixelate(1.0))
    assert len(np.unique(mosaic.reshape(-1, 3), axis=0)) <= 12 * 12
    np.testing.assert_allclose(mosaic.mean(), image.mean(), atol=2)


def test_how_a_picture_is_fitted():
    picture = np.zeros((10, 20, 3), np.uint8)
    picture[:, :5], picture[:, 15:] = (255, 0, 0), (0, 0, 255)
    filled = effects.fitted(picture, (40, 40), "fill")
    assert not filled.any()
    whole = effects.fitted(picture, (40, 40), "fit")
    assert not whole[:9].any()
    assert not whole[31:].any()
    np.testing.assert_array_equal(whole[20, 0], (255, 0, 0))
    np.testing.assert_array_equal(whole[20, 39], (0, 0, 255))
    stretched = effects.fitted(picture, (40, 40), "stretch")
    np.testing.assert_array_equal(stretched[0, 0], (255, 0, 0))
    for fit in ("fill", "fit", "stretch"):
        assert effects.fitted(picture, (1, 3000), fit).shape == (1, 3000, 3)


def test_a_cutout_keeps_what_is_in_front_and_has_no_dark_rim():
    alpha = _alpha()
    cutout = cutting.cut_out(_mixed(alpha), alpha)
    np.testing.assert_array_equal(cutout[..., 3], alpha)
    assert np.abs(cutout[alpha > 0][:, :3].astype(int) - FRONT).mean() < 4
    just_outside = (alpha == 0) & (np.roll(alpha, 1, 0) > 0)
    assert np.abs(cutout[just_outside][:, :3].astype(int) - FRONT).max() < 25
    assert not cutout[0, 0].any()
    inverse = cutting.cut_out(_mixed(alpha), alpha, invert=True)
    np.testing.assert_array_equal(inverse[..., 3], 255 - alpha)


def test_cropped_and_objects():
    alpha = np.zeros((60, 80), np.uint8)
    alpha[10:20, 10:30], alpha[40:55, 50:70], alpha[0, 79] = 255, 255, 255
    alpha[20, 10:30] = 100
    found = cutting.objects(alpha)
    assert [int((one > 127).sum()) for one in found] == [300, 200, 1]
    assert (found[1][20, 10:30] == 100).all()
    assert not found[0][20].any()
    cutout = cutting.cut_out(np.full((60, 80, 3), 9, np.uint8), found[1])
    assert cutting.cropped(cutout).shape == (11, 20, 4)
    nothing = np.zeros((4, 5, 4), np.uint8)
    assert cutting.cropped(nothing).shape == nothing.shape


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: effects.Blur(1.5), "from 0 to 1, or one of low"),
        (lambda: effects.Blur("much"), "extreme"),
        (lambda: effects.Pixelate(True), "from 0 to 1"),
        (lambda: effects.Fill((0, 0, 256)), "0 to 255"),
        (lambda: effects.Fill("red"), "0 to 255"),
        (lambda: effects.Backdrop(np.zeros((1, 1, 3), np.uint8), "crop"), "fill, fit, stretch"),
        (
            lambda: effects.apply(
                np.zeros((2, 2, 3), np.uint8), np.zeros((3, 3), np.uint8), effects.Gray()
            ),
            "same height and width",
        ),
    ],
)
def test_what_is_wrong_is_said(make, message):
    with pytest.raises(InputError, match=message):
        make()
