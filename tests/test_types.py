"""Numbers of NumPy and torch, wherever a user gives a number."""

import json

import numpy as np
import pytest
import torch

import easyseg
from easyseg import InputError
from easyseg._types import plain
from easyseg.engine import Segmenter
from easyseg.pictures.image import encode
from easyseg.pipeline import Job, Range, Segmenting
from easyseg.training.settings import Settings

PHOTO = np.random.default_rng(0).integers(0, 256, (80, 96, 3), np.uint8)
NUMBERS = (np.int64, np.int32, np.uint8, torch.tensor, np.array)


@pytest.mark.parametrize("kind", NUMBERS)
def test_sizes_and_classes(kind):
    expected = easyseg.segment(PHOTO, model="builtin", size=96, tile=64, classes=12)
    found = easyseg.segment(PHOTO, model="builtin", size=kind(96), tile=kind(64), classes=kind(12))
    assert np.array_equal(found.labels, expected.labels)
    assert np.array_equal(found.mask(kind(12)), expected.mask(12))
    assert found.polygons(min_area=kind(2), simplify=kind(1)) is not None
    with pytest.raises(InputError, match="size"):
        Segmenter("builtin", size=kind(7))


@pytest.mark.parametrize("kind", [np.float32, np.float64, torch.tensor, np.array])
def test_shares_and_qualities(kind):
    result = easyseg.segment(PHOTO, model="builtin", size=96)
    assert np.array_equal(result.overlay(alpha=kind(0.5)), result.overlay(alpha=0.5))
    blurred = easyseg.change_background(PHOTO, blur=kind(0.5), size=96)
    assert np.array_equal(blurred, easyseg.change_background(PHOTO, blur=0.5, size=96))


def test_classes_in_another_background():
    changed = easyseg.change_background(PHOTO, classes=np.int64(12), color=(0, 0, 255), size=96)
    same = easyseg.change_background(PHOTO, classes=[torch.tensor(12)], color=(0, 0, 255), size=96)
    assert np.array_equal(changed, same)


def test_quality_of_a_jpeg():
    assert encode(PHOTO, ".jpg", quality=np.int64(80)) == encode(PHOTO, ".jpg", quality=80)


def test_jobs_and_their_record():
    job = Job(
        segmenting=Segmenting(every_n=np.int64(2)),
        range=Range(np.float32(0.5), torch.tensor(2), np.int64(3), np.int16(4)),
        frames_per_second=np.float64(25),
    )
    assert json.loads(json.dumps(job.identity))["stride"] == 3


def test_settings_of_a_training():
    settings = Settings(batch_size=np.int64(4), learning_rate=torch.tensor(0.5))
    assert json.loads(json.dumps(settings.deciding()))["learning_rate"] == 0.5


def test_truth_is_no_number():
    for value in (np.True_, torch.tensor(True)):
        assert plain(value) is True
        with pytest.raises(InputError):
            easyseg.segment(PHOTO, model="builtin", size=value)


def test_what_is_no_number_stays():
    for value in ("a", None, np.arange(3), torch.ones(2), 1.5, (1, 2)):
        assert plain(value) is value
