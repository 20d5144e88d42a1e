import io
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from obvious_way import WAYS, cases, computed_by, count_ties, enlarge, plain, smooth

from easyseg.errors import InputError
from easyseg.pictures import image as media_image
from easyseg.transforms import Geometry, Preprocess, on_device, restore, winner_confidence
from easyseg.transforms import cells as cells_module
from easyseg.transforms.grid import as_grid


@pytest.mark.parametrize("way", WAYS)
@given(case=cases())
@settings(deadline=None, max_examples=120)
def test_labels_are_those_of_the_obvious_way(way: str, case: tuple[torch.Tensor, Geometry]) -> None:
    logits, geometry = case
    with computed_by(way):
        labels = restore(logits, geometry)
    ties = count_ties(labels, enlarge(logits, geometry))
    # Half precision has few values, so that ties are common; all else hardly ever ties.
    if logits.dtype == torch.float32:
        assert ties <= 1


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("kind", ["smooth", "noise"])
@pytest.mark.parametrize(
    ("classes", "grid", "size"),
    [
        (150, (33, 44), (270, 363)),
        (21, (65, 65), (480, 640)),
        (2, (2, 3), (300, 500)),  # cells of more than LONGEST_RUN pixels
        (255, (16, 16), (50, 40)),
        (7, (90, 120), (40, 50)),  # the photograph is smaller than the logits
        (7, (90, 20), (40, 200)),
        (5, (40, 50), (40, 50)),
    ],
)
def test_labels_of_larger_pictures(
    classes: int,
    grid: tuple[int, int],
    size: tuple[int, int],
    kind: str,
    align_corners: bool,
    way: str,
) -> None:
    noise = torch.randn(1, classes, *grid, generator=torch.Generator().manual_seed(1))
    logits = smooth(classes, *grid) if kind == "smooth" else noise
    geometry = plain(size, align_corners=align_corners)
    with computed_by(way):
        labels = restore(logits, geometry)
    ties = count_ties(labels, enlarge(logits, geometry))
    assert ties <= 1e-5 * size[0] * size[1]


def test_labels_do_not_depend_on_how_the_work_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    logits, geometry = smooth(20, 24, 32), plain((200, 300))
    expected = restore(logits, geometry)
    monkeypatch.setattr(cells_module, "CELLS_AT_ONCE", 7)
    monkeypatch.setattr(cells_module, "PIXELS_AT_ONCE", 300)
    monkeypatch.setattr(cells_module, "LONGEST_RUN", 3)
    np.testing.assert_array_equal(restore(logits, geometry), expected)


@given(case=cases())
@settings(deadline=None, max_examples=60)
def test_labels_made_on_a_device(case: tuple[torch.Tensor, Geometry]) -> None:
    logits, geometry = case
    grid = as_grid(logits)
    with mock.patch.object(on_device, "VALUES_AT_ONCE", 4000):
        labels = on_device.label_pixels(grid, *geometry.axes((grid.shape[1], grid.shape[2])))
    ties = count_ties(labels.numpy(), enlarge(logits, geometry))
    if logits.dtype == torch.float32:
        assert ties <= 1


@pytest.mark.gpu
def test_labels_of_logits_on_a_gpu() -> None:
    logits, geometry = smooth(150, 64, 64), plain((700, 1000))
    labels = restore(logits.cuda(), geometry)
    assert count_ties(labels, enlarge(logits, geometry)) <= 1e-5 * labels.size


def test_each_picture_of_a_batch() -> None:
    batch = torch.cat([smooth(6, 9, 11, seed=seed) for seed in (1, 2)])
    for layout in (batch, batch.contiguous(memory_format=torch.channels_last)):
        for one, alone in zip(layout, (1, 2), strict=True):
            expected = restore(smooth(6, 9, 11, seed=alone), plain((50, 60)))
            np.testing.assert_array_equal(restore(one, plain((50, 60))), expected)


@pytest.mark.shared
def test_labels_of_a_real_network(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(shared / "weights"))
    from mobilenetv2_deeplab import DeepLabMNV2  # type: ignore[import-not-found]

    network = DeepLabMNV2(151, decoder=True).eval()
    file = shared / "weights" / "google_deeplabv3plus_mobilenetv2.ade20k.pt"
    network.load_state_dict(torch.load(file, weights_only=True))
    preprocess = Preprocess((1, 1, 1), (1, 1, 1), 1 / 127.5, size=257)
    x, geometry = preprocess(shared_photograph(shared / "data" / "scenes-1.tar"))
    with torch.inference_mode():
        logits = network(x, upsample=False)[:, 1:]
    labels = restore(logits, geometry)
    assert len(np.unique(labels)) > 2
    assert count_ties(labels, enlarge(logits, geometry)) <= 1e-5 * labels.size


def shared_photograph(path: Path) -> np.ndarray:
    with tarfile.open(path) as tar:
        name = min(name for name in tar.getnames() if name.startswith("images/"))
        file = tar.extractfile(name)
        assert file is not None
        return media_image.read(io.BytesIO(file.read()))


@pytest.fixture(params=WAYS)
def either_way(request: pytest.FixtureRequest) -> Iterator[None]:
    with computed_by(request.param):
        yield


@pytest.mark.usefixtures("either_way")
def test_labels_by_hand() -> None:
    logits = torch.tensor([[[0.0, 8.0]], [[3.0, 3.0]], [[0.0, 0.0]]])
    # Class 0 at the four pixels: 0, 2, 6, 8.
    np.testing.assert_array_equal(restore(logits, plain((2, 4))), [[1, 1, 0, 0]] * 2)
    # Corners on corners: 0, 8/3, 16/3, 8.
    corners = plain((1, 4), align_corners=True)
    np.testing.assert_array_equal(restore(logits, corners), [[1, 1, 0, 0]])


@pytest.mark.usefixtures("either_way")
def test_a_class_that_wins_no_corner_can_win_between_them() -> None:
    logits = torch.tensor([[[9.0, 0.0]], [[0.0, 9.0]], [[6.0, 6.0]]])
    # Between the corners 0 and 1 fall to 4.5 while 2 stays at 6.
    labels = restore(logits, plain((1, 8), align_corners=True))
    np.testing.assert_array_equal(labels, [[0, 0, 0, 2, 2, 1, 1, 1]])


@pytest.mark.usefixtures("either_way")
def test_padding_is_cut_off() -> None:
    # The picture fills the left half of the canvas, where class 1 wins.
    logits = torch.tensor([[[0.0, 0.0, 5.0, 5.0]], [[3.0, 3.0, 0.0, 0.0]]])
    geometry = Geometry((1, 6), (1, 2), (1, 4))
    np.testing.assert_array_equal(restore(logits, geometry)[:, :5], [[1] * 5])
    right = Geometry((1, 6), (1, 2), (1, 4), (0, 2))
    np.testing.assert_array_equal(restore(logits, right)[:, 1:], [[0] * 5])


@pytest.mark.usefixtures("either_way")
@pytest.mark.parametrize("size", [(1, 1), (1, 4000), (4000, 3), (3, 1)])
@pytest.mark.parametrize("grid", [(1, 1), (1, 63), (63, 1), (5, 4)])
def test_odd_sizes(size: tuple[int, int], grid: tuple[int, int]) -> None:
    logits = torch.randn(3, *grid, generator=torch.Generator().manual_seed(0))
    assert count_ties(restore(logits, plain(size)), enlarge(logits, plain(size))) <= 1


@pytest.mark.usefixtures("either_way")
def test_one_class_and_no_competition() -> None:
    labels = restore(torch.randn(1, 4, 4), plain((9, 9)))
    np.testing.assert_array_equal(labels, np.zeros((9, 9)))


@pytest.mark.usefixtures("either_way")
def test_of_equal_classes_the_lowest_wins() -> None:
    np.testing.assert_array_equal(restore(torch.zeros(4, 3, 3), plain((10, 10))), 0)
    logits = smooth(6, 8, 8)[0]
    twice = torch.cat([logits - 1, logits, logits])
    labels = restore(twice, plain((50, 60)))
    np.testing.assert_array_equal(labels, 6 + restore(logits, plain((50, 60))))
    # The middle pixel lies half way between two corners that mirror each other.
    mirror = torch.tensor([[[0.0, 4.0]], [[4.0, 0.0]]])
    labels = restore(mirror, plain((1, 3), align_corners=True))
    np.testing.assert_array_equal(labels, [[1, 0, 0]])


@pytest.mark.usefixtures("either_way")
def test_a_tie_at_one_corner_only() -> None:
    # 0 and 1 are equal on the left logit, 1 is better everywhere else.
    logits = torch.tensor([[[4.0, 0.0]], [[4.0, 4.0]]])
    labels = restore(logits, plain((1, 5), align_corners=True))
    np.testing.assert_array_equal(labels, [[0, 1, 1, 1, 1]])


@pytest.mark.usefixtures("either_way")
def test_the_result_is_a_contiguous_array_of_its_own() -> None:
    logits = smooth(5, 6, 6)
    before = logits.clone()
    labels = restore(logits, plain((6, 6)))
    assert labels.flags.c_contiguous
    labels[:] = 9
    torch.testing.assert_close(logits, before, rtol=0, atol=0)


@pytest.mark.usefixtures("either_way")
def test_infinite_logits() -> None:
    logits = torch.full((3, 2, 2), 1.0)
    logits[0] = -torch.inf  # a masked class
    np.testing.assert_array_equal(restore(logits, plain((4, 4))), 1)
    logits[2, 0, 0] = torch.inf
    labels = restore(logits, plain((4, 4)))
    assert labels[0, 0] == 2
    assert labels[3, 3] == 1
    np.testing.assert_array_equal(restore(torch.full((3, 2, 2), -torch.inf), plain((4, 4))), 0)


@pytest.mark.usefixtures("either_way")
def test_nan_counts_as_the_largest_value() -> None:
    np.testing.assert_array_equal(restore(torch.full((3, 2, 2), torch.nan), plain((5, 5))), 0)
    logits = torch.zeros(3, 4, 4)
    logits[2, 0, 0] = torch.nan
    labels = restore(logits, plain((16, 16)))
    assert labels[0, 0] == 2
    np.testing.assert_array_equal(labels[8:], 0)
    assert np.isfinite(winner_confidence(logits, plain((16, 16)), labels)).all()


def test_logits_that_need_a_gradient() -> None:
    logits = smooth(4, 5, 5).requires_grad_()
    expected = restore(logits.detach(), plain((20, 20)))
    np.testing.assert_array_equal(restore(logits, plain((20, 20))), expected)
    with torch.inference_mode():
        np.testing.assert_array_equal(restore(logits * 1, plain((20, 20))), expected)


@pytest.mark.parametrize(
    ("logits", "message"),
    [
        (torch.zeros(2, 3, 4, 4), "of one photograph, got a batch of 2"),
        (torch.zeros(4, 4), "shape (C, h, w) or (1, C, h, w) without empty sides, got (4, 4)"),
        (torch.zeros(3, 0, 4), "without empty sides, got (3, 0, 4)"),
        (torch.zeros(0, 4, 4), "without empty sides, got (0, 4, 4)"),
        (torch.zeros(3, 4, 4, dtype=torch.int64), "a torch tensor of floats, got torch.int64"),
        (np.zeros((3, 4, 4)), "a torch tensor of floats, got ndarray"),
        (torch.zeros(256, 4, 4), "have 256 classes, but a label map of uint8 holds at most 255"),
    ],
)
def test_other_logits_are_refused(logits: Any, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        restore(logits, plain((8, 8)))


MEASURE = """
import re
import sys
from pathlib import Path

import torch
from easyseg.transforms import Geometry, restore, winner_confidence


def memory(name):
    return int(re.search(name + r":\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])


torch.set_num_threads(1)
kind = sys.argv[1]
logits = torch.randn(1, 150, 128, 128)
if kind != "noise":
    coarse = logits[..., :16, :16]
    logits = 6 * torch.nn.functional.interpolate(coarse, (128, 128), mode="bicubic")
labels = None


def run(*size):
    geometry = Geometry(size, size, size)
    if kind == "confidence":
        return winner_confidence(logits, geometry, labels[:size[0], :size[1]])
    return restore(logits, geometry)


if kind == "confidence":
    labels = restore(logits, Geometry(*[(2160, 3840)] * 3))
run(60, 80)
Path("/proc/self/clear_refs").write_text("5")  # forgets the highest mark so far
before = memory("VmRSS")
result = run(2160, 3840)
print((memory("VmHWM") - before) // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    ("kind", "limit"),
    [
        ("smooth", 60),
        pytest.param("noise", 60, marks=pytest.mark.slow),
        pytest.param("confidence", 90, marks=pytest.mark.slow),
    ],
)
def test_memory_at_4k_with_150_classes(kind: str, limit: int) -> None:
    command = [sys.executable, "-c", MEASURE, kind]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    added = int(done.stdout)
    assert 1 <= added < limit  # megabytes; 8 are the result, 4977 the enlarged logits would be
