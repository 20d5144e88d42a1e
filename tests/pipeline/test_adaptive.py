"""The size follows the rate, on a network whose time grows with the square of the size."""

import itertools

import numpy as np
import pytest

from easyseg.engine import Segmenter
from easyseg.pipeline.adaptive import AdaptiveSegmenter, SizeControl


def run(control: SizeControl, seconds_at_512: float, rest: float = 0.005, frames: int = 60) -> int:
    for _ in range(frames):
        network = seconds_at_512 * (control.size / 512) ** 2
        control.note(network + rest, network)
    return control.size


def rate(size: int, seconds_at_512: float, rest: float = 0.005) -> float:
    return 1 / (seconds_at_512 * (size / 512) ** 2 + rest)


def test_a_fast_network_keeps_its_own_size():
    assert run(SizeControl(512, 15), 0.03) == 512


@pytest.mark.parametrize("seconds", [0.08, 0.1, 0.15, 0.2])
def test_a_slow_one_gets_the_largest_size_that_holds_the_rate(seconds):
    size = run(SizeControl(512, 15), seconds)
    assert size < 512
    assert size % 32 == 0
    assert rate(size, seconds) >= 15
    assert rate(size + 64, seconds) < 15  # within the margin


def test_never_below_256():
    assert run(SizeControl(512, 15), 5.0) == 256


def test_a_model_of_256_or_less_stays():
    assert run(SizeControl(200, 15), 5.0) == 200


def test_where_nothing_is_enough_the_smallest_size_helps_most():
    assert run(SizeControl(512, 15), 0.02, rest=1.0) == 256


def test_it_comes_back_when_the_machine_is_free_again():
    control = SizeControl(512, 15)
    assert run(control, 0.2) < 352
    assert run(control, 0.02, frames=400) == 512


def test_it_does_not_swing():
    control, sizes = SizeControl(512, 15), []
    for number in range(600):
        network = 0.1 * (control.size / 512) ** 2 * (1.15 if number % 3 else 1.0)
        control.note(network + 0.005, network)
        sizes.append(control.size)
    changes = sum(before != after for before, after in itertools.pairwise(sizes[30:]))
    assert changes <= 1


def test_the_networks_weights_are_shared():
    segmenter = Segmenter("builtin", dataset="voc")
    own = segmenter.size
    small = segmenter.with_size(256)
    assert (small.size, segmenter.size) == (256, own)
    assert small._network is segmenter._network
    image = np.zeros((300, 400, 3), np.uint8)
    assert small.predict(image).geometry.resized == (
        193,
        257,
    )  # the nearest with corners on corners
    adaptive = AdaptiveSegmenter(segmenter, rate=1000)
    for _ in range(6):
        result = adaptive.finish(adaptive.predict(image))
        adaptive.done()
    assert result.shape == (300, 400)
    assert adaptive.size == 256
    assert segmenter.size == own
