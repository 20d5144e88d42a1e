"""Mattes, backgrounds and cut-outs of a Segmentation."""

from pathlib import Path

import numpy as np
import pytest

import easyseg
from easyseg.errors import InputError
from easyseg.labels import ADE20K, PASCAL_VOC
from easyseg.pictures import image as media
from easyseg.render import effects
from easyseg.result import Segmentation
from easyseg.transforms import ClassScores, Geometry

PERSON, DOG = 15, 12


@pytest.fixture
def scene() -> Segmentation:
    """A person (left) and a dog (right), each in a colour of its own, with the scores of both."""
    labels = np.zeros((60, 90), np.uint8)
    labels[15:45, 10:35], labels[15:45, 55:80] = PERSON, DOG
    image = np.full((60, 90, 3), (30, 60, 200), np.uint8)
    image[labels == PERSON], image[labels == DOG] = (220, 40, 30), (240, 230, 90)
    logits = np.zeros((21, 60, 90), np.float32)
    np.put_along_axis(logits, labels[np.newaxis].astype(int), 6, axis=0)
    scores = ClassScores(logits, Geometry((60, 90), (60, 90), (60, 90)))
    return Segmentation(labels, PASCAL_VOC, image, "tiny", {}, scores=scores)


@pytest.mark.parametrize("scored", [True, False])
def test_a_matte_is_of_the_classes_wanted(scene, scored):
    scene = scene if scored else Segmentation(scene.labels, PASCAL_VOC, scene.image, "tiny", {})
    for classes, ids in (("person", [PERSON]), (["Dog", 15], [PERSON, DOG]), (None, [PERSON, DOG])):
        alpha = scene.matte(classes)
        wanted = np.where(np.isin(scene.labels, ids), 255, 0)
        assert np.abs(alpha.astype(int) - wanted).mean() < 6
        np.testing.assert_array_equal(scene.matte(classes, hard=True), wanted)


def test_classes_that_were_dropped_are_not_in_front(scene):
    assert not scene.only("dog").matte("person").any()
    assert not scene.without("person").matte("person").any()
    assert scene.without("person").matte("dog").any()


def test_an_effect_on_the_rest_or_on_the_classes(scene):
    green = effects.Fill((0, 255, 0))
    behind = scene.change_background(green, "person", hard=True)
    np.testing.assert_array_equal((behind == (0, 255, 0)).all(axis=2), scene.labels != PERSON)
    on_it = scene.change_background(green, "person", invert=True, hard=True)
    np.testing.assert_array_equal((on_it == (0, 255, 0)).all(axis=2), scene.labels == PERSON)


def test_cutouts(scene):
    whole = scene.cutout("person", hard=True)
    assert whole.shape == (60, 90, 4)
    np.testing.assert_array_equal(whole[..., 3] == 255, scene.labels == PERSON)
    assert scene.cutout("dog", crop=True, hard=True).shape == (30, 25, 4)
    each = scene.cutout(per_object=True, crop=True, hard=True)
    assert [one.shape for one in each] == [(30, 25, 4)] * 2
    assert scene.cutout("cat", per_object=True) == []
    assert scene.cutout("cat", crop=True).shape == (60, 90, 4)


def test_classes_have_to_be_named_where_there_is_no_background():
    image = np.zeros((4, 4, 3), np.uint8)
    result = Segmentation(np.zeros((4, 4), np.uint8), ADE20K, image, "tiny", {})
    with pytest.raises(InputError, match='such as classes="person"'):
        result.matte()
    with pytest.raises(InputError, match="Did you mean 'person'"):
        result.matte("persom")
    assert result.matte("wall").all()


def test_scores_of_another_picture_are_refused(scene):
    with pytest.raises(InputError, match="scores must be of a picture"):
        Segmentation(scene.labels[:5], PASCAL_VOC, scene.image[:5], "tiny", {}, scores=scene.scores)


def test_a_real_photograph(photographs: Path, tmp_path: Path):
    result = easyseg.segment(photographs / "chelsea.jpg", dataset="voc", model="builtin")
    alpha = result.matte("cat")
    assert ((alpha > 127) == result.mask("cat")).mean() > 0.95
    assert np.count_nonzero((alpha > 10) & (alpha < 245)) > 500
    media.write(tmp_path / "cat.png", result.cutout("cat"))
    blurred = result.change_background(effects.Blur("extreme"), "cat")
    detail = [np.abs(np.diff(one.astype(int), axis=0))[alpha[1:] == 0].mean()
              for one in (result.image, blurred)]  # fmt: skip
    assert detail[1] < 0.5 * detail[0]
