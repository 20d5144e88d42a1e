"""Smoothing over time."""

import numpy as np
import pytest
import torch

from easyseg.engine import Prediction
from easyseg.errors import InputError
from easyseg.pipeline.smoothing import Smoother, flicker
from easyseg.transforms import Geometry, restore

SIZE = (48, 64)


def prediction(logits: torch.Tensor, image: np.ndarray | None = None) -> Prediction:
    image = np.full((*SIZE, 3), 100, np.uint8) if image is None else image
    return Prediction(image, logits, Geometry(SIZE, SIZE, SIZE), {})


def likes(class_id: int, *, by: float = 1.0) -> torch.Tensor:
    logits = torch.zeros(1, 3, 6, 8)
    logits[0, class_id] = by
    return logits


def winners(smoother: Smoother, predictions) -> list[int]:
    return [int(smoother(one).logits[0, :, 2, 3].argmax()) for one in predictions]


def test_off_changes_nothing():
    one = prediction(likes(1))
    assert Smoother("off")(one) is one


@pytest.mark.parametrize("strength", ["light", "strong"])
def test_the_first_frame_keeps_its_labels(strength):
    logits = torch.randn(1, 3, 6, 8, generator=torch.Generator().manual_seed(0))
    before = prediction(logits)
    after = Smoother(strength)(before)
    np.testing.assert_array_equal(
        restore(after.logits, after.geometry), restore(logits, before.geometry)
    )


def test_probabilities_are_mixed_exponentially():
    smoother = Smoother("light")
    smoother(prediction(likes(0)))
    mixed = smoother(prediction(likes(1))).logits.exp()[0, :, 0, 0]
    wanted = (likes(0).softmax(1) + likes(1).softmax(1))[0, :, 0, 0] / 2
    torch.testing.assert_close(mixed, wanted)


def test_a_short_doubt_is_passed_over_and_a_lasting_change_is_taken():
    frames = [prediction(likes(n, by=b)) for n, b in ((0, 2), (0, 2), (1, 0.5), (0, 2))]
    assert winners(Smoother("light"), frames) == [0, 0, 0, 0]
    lasting = [prediction(likes(0))] + [prediction(likes(1))] * 6
    assert winners(Smoother("strong"), lasting)[-1] == 1


def test_a_scene_cut_forgets_the_past():
    dark, bright = (np.full((*SIZE, 3), value, np.uint8) for value in (20, 200))
    frames = [prediction(likes(0, by=9), dark), prediction(likes(1, by=0.1), bright)]
    smoother = Smoother("strong")
    smoother(frames[0])
    torch.testing.assert_close(smoother(frames[1]).logits.softmax(1), likes(1, by=0.1).softmax(1))


def test_where_the_picture_changes_the_present_counts():
    before = np.full((*SIZE, 3), 20, np.uint8)
    after = before.copy()
    after[:, :16] = 200  # a quarter: no cut
    smoother = Smoother("strong")
    smoother(prediction(likes(0, by=9), before))
    labels = smoother(prediction(likes(1, by=1), after)).logits.argmax(1)[0]
    assert labels[:, 0].unique().tolist() == [1]
    assert labels[:, 7].unique().tolist() == [0]


def test_reset_and_another_size_forget_the_past():
    smoother = Smoother("strong")
    smoother(prediction(likes(0, by=9)))
    smoother.reset()
    assert winners(smoother, [prediction(likes(1, by=0.1))]) == [1]
    other = torch.zeros(1, 3, 3, 4)
    other[0, 2] = 1
    assert winners(smoother, [prediction(other)]) == [2]


def test_padding_is_no_change():
    geometry = Geometry((48, 64), (48, 64), (64, 64), (8, 0))
    smoother = Smoother("light")
    rng = np.random.default_rng(0)
    for _ in range(2):
        image = rng.integers(0, 255, (48, 64, 3), np.uint8)
        out = smoother(Prediction(image, torch.zeros(1, 3, 8, 8), geometry, {}))
    assert out.logits.shape == (1, 3, 8, 8)
    tiny = Geometry((1, 64), (1, 64), (64, 64), (0, 0))
    smoother(Prediction(image[:1], torch.zeros(1, 3, 8, 8), tiny, {}))


def test_flicker_falls():
    noise = torch.Generator().manual_seed(1)
    frames = [
        prediction(likes(0, by=1) + torch.randn(1, 3, 6, 8, generator=noise)) for _ in range(30)
    ]
    measured = {}
    for strength in ("off", "light", "strong"):
        smoother = Smoother(strength)
        labels = [restore(one.logits, one.geometry) for one in map(smoother, frames)]
        measured[strength] = flicker(labels, [one.image for one in frames])
    assert measured["off"] > 0.2
    assert measured["light"] < 0.6 * measured["off"]
    assert measured["strong"] < 0.6 * measured["light"]


def test_flicker_counts_only_where_the_picture_stays():
    images = [np.zeros((2, 2, 3), np.uint8), np.zeros((2, 2, 3), np.uint8)]
    images[1][0] = 255
    labels = [np.zeros((2, 2), np.uint8), np.array([[1, 1], [1, 0]], np.uint8)]
    assert flicker(labels, images) == 0.5
    assert flicker(labels[:1], images[:1]) == 0


def test_an_unknown_strength():
    with pytest.raises(InputError, match="off, light, strong"):
        Smoother("very")
