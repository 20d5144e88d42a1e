import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from easyseg.training.augment import Augment, jitter, model_scale, padding_color
from easyseg.transforms import Preprocess

STANDARD = {"mean": (0.0,) * 3, "std": (1.0,) * 3}
NATIVE = Preprocess(mean=(0.1, 0.2, 0.6), std=(1.0,) * 3, resize="native")


def coded(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """A photograph whose red is the row, whose green the column; labels are their sum, mod 5."""
    rows, columns = np.mgrid[:height, :width].astype(np.uint8)
    image = np.stack([rows, columns, np.full_like(rows, 200)], axis=-1)
    return image, ((rows.astype(int) + columns) % 5).astype(np.uint8)


def plain(crop: int, **changes: object) -> Augment:
    keywords = {"scale": (1.0, 1.0), "flip": False, "color": 0.0, **changes}
    return Augment(crop, NATIVE, **keywords)


@given(height=st.integers(1, 60), width=st.integers(1, 60), seed=st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_photograph_and_labels_stay_together(height: int, width: int, seed: int):
    image, labels = coded(height, width)
    out = plain(24)(image, labels, np.random.default_rng(seed))
    assert out.image.shape == (24, 24, 3)
    assert out.labels.shape == out.inside.shape == (24, 24)
    assert out.inside.sum() == min(height, 24) * min(width, 24)
    seen = out.image[out.inside].astype(int)
    np.testing.assert_array_equal(out.labels[out.inside], (seen[:, 0] + seen[:, 1]) % 5)
    assert (out.labels[~out.inside] == 255).all()
    outside = out.image[~out.inside]
    np.testing.assert_array_equal(outside, np.broadcast_to([26, 51, 153], outside.shape))


def test_mirrored_together():
    image, labels = coded(24, 24)
    crops = [plain(24, flip=True)(image, labels, np.random.default_rng(s)) for s in range(20)]
    mirrored = [crop.image[0, 0, 1] == 23 for crop in crops]
    assert 4 <= sum(mirrored) <= 16
    for crop, is_mirrored in zip(crops, mirrored, strict=True):
        expected = labels[:, ::-1] if is_mirrored else labels
        np.testing.assert_array_equal(crop.labels, expected)


def test_enlarged_and_shrunk():
    image, labels = coded(40, 40)
    large = plain(20, scale=(2.0, 2.0))(image, labels, np.random.default_rng(0))
    assert int(large.image[..., 0].max()) - int(large.image[..., 0].min()) <= 10
    small = plain(20, scale=(0.5, 0.5))(image, labels, np.random.default_rng(0))
    assert int(small.image[..., 0].max()) - int(small.image[..., 0].min()) >= 37
    assert small.inside.all()


def test_the_class_asked_for_is_there():
    image, labels = coded(200, 200)
    labels[:] = 0
    labels[150, 20] = 3
    found = 0
    for seed in range(30):
        out = plain(16)(image, labels, np.random.default_rng(seed), focus=3)
        assert (out.labels == 3).sum() == 1
        found += bool((plain(16)(image, labels, np.random.default_rng(seed)).labels == 3).any())
    assert found < 5
    assert plain(16)(image, labels, np.random.default_rng(0), focus=4).inside.all()


def test_without_labels_all_is_void():
    image, _ = coded(30, 30)
    out = plain(16)(image, None, np.random.default_rng(0))
    assert (out.labels == 255).all()
    assert out.inside.all()


def test_the_same_numbers_give_the_same_crop():
    image, labels = coded(90, 70)
    augment = Augment(32, Preprocess(**STANDARD, size=64))
    one, two, other = (augment(image, labels, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.image, two.image)
    np.testing.assert_array_equal(one.labels, two.labels)
    assert (one.image != other.image).any()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"resize": "native"}, (1.0, 1.0)),
        ({"resize": "long_side", "size": 400}, (2.0, 2.0)),
        ({"resize": "short_side", "size": 400}, (4.0, 4.0)),
        ({"resize": "short_side", "size": 400, "max_size": 500}, (2.5, 2.5)),
        ({"resize": "fixed", "size": 400}, (4.0, 2.0)),
        ({"resize": "fixed", "size": (50, 100)}, (0.5, 0.5)),
    ],
)
def test_the_scale_is_that_of_the_models_rule(changes, expected):
    preprocess = Preprocess(**STANDARD, **changes)
    assert model_scale(preprocess, (100, 200)) == pytest.approx(expected)
    _, geometry = preprocess(np.zeros((100, 200, 3), np.uint8))
    assert geometry.resized == (100 * expected[0], 200 * expected[1])


def test_colour_of_the_padding():
    assert padding_color(NATIVE).tolist() == [26, 51, 153]
    bgr = Preprocess(mean=(104.0, 117.0, 123.0), std=(1.0,) * 3, scale=1.0, channel_order="bgr")
    assert padding_color(bgr).tolist() == [123, 117, 104]
    black = Preprocess(mean=(0.5,) * 3, std=(1.0,) * 3, pad_value=(0.0, 0.0, 0.0))
    assert padding_color(black).tolist() == [0, 0, 0]


def test_jitter_keeps_the_picture_and_changes_its_colours():
    image = np.random.default_rng(0).integers(0, 256, (20, 20, 3), np.uint8)
    np.testing.assert_array_equal(jitter(image, 0.0, np.random.default_rng(0)), image)
    changed = jitter(image, 1.0, np.random.default_rng(0))
    assert changed.dtype == np.uint8
    assert (changed != image).any()
    assert np.corrcoef(changed.ravel(), image.ravel())[0, 1] > 0.8
