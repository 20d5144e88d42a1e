import io
import re
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from easyseg.errors import InputError
from easyseg.media import image as media_image
from easyseg.transforms import Geometry, Preprocess, probabilities, restore, winner_confidence
from easyseg.transforms import cells as cells_module

TIE = 1e-5
"""Classes whose logits differ by less, relative to the largest one, are equal in float32."""


def plain(size: tuple[int, int], *, align_corners: bool = False) -> Geometry:
    return Geometry(size, size, size, align_corners=align_corners)


def smooth(classes: int, height: int, width: int, seed: int = 0) -> torch.Tensor:
    """Logits like a network's: large areas with soft borders, shape (1, C, height, width)."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn(1, classes, max(2, height // 8), max(2, width // 8), generator=generator)
    return 6 * F.interpolate(coarse, (height, width), mode="bicubic")


def enlarge(logits: torch.Tensor, geometry: Geometry) -> torch.Tensor:
    """The obvious way, (C, H, W): torch where it can, else written out in double precision."""
    logits = logits.float().reshape(-1, *logits.shape[-2:]).contiguous()
    if geometry.resized == geometry.padded:
        return F.interpolate(
            logits[None],
            geometry.original,
            mode="bilinear",
            align_corners=geometry.align_corners,
        )[0]
    logits = logits.double()
    for axis in (0, 1):
        low, high, share = positions(geometry, axis, logits.shape[axis + 1])
        shape = (-1, 1) if axis == 0 else (-1,)
        near, far = logits.index_select(axis + 1, low), logits.index_select(axis + 1, high)
        logits = near * (1 - share).view(shape) + far * share.view(shape)
    return logits


def positions(
    geometry: Geometry, axis: int, cells: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Step by step: photograph -> resized picture -> canvas -> logits."""
    original, resized = geometry.original[axis], geometry.resized[axis]
    padded, offset = geometry.padded[axis], geometry.offset[axis]
    position = torch.arange(original, dtype=torch.float64)
    if geometry.align_corners:
        position = position * ((resized - 1) / max(original - 1, 1))
        position = (position + offset) * ((cells - 1) / max(padded - 1, 1))
    else:
        position = (position + 0.5) * (resized / original) - 0.5
        position = (position + offset + 0.5) * (cells / padded) - 0.5
    position = position.clamp(0, cells - 1)
    low = position.long().clamp(max=cells - 1)
    return low, (low + 1).clamp(max=cells - 1), position - low


def count_ties(labels: np.ndarray, volume: torch.Tensor) -> int:
    """Number of pixels that differ from the argmax; fails where one differs by more than a tie."""
    assert labels.dtype == np.uint8
    assert labels.shape == tuple(volume.shape[1:])
    best = volume.max(dim=0).values
    ours = volume.gather(0, torch.from_numpy(labels).long()[None])[0]
    gap = (best - ours).max().item()
    assert gap <= TIE * volume.abs().max().item(), f"a class {gap} below the best won a pixel"
    return int((torch.from_numpy(labels) != volume.argmax(dim=0)).sum())


@st.composite
def cases(draw: st.DrawFn) -> tuple[torch.Tensor, Geometry]:
    """Logits of many shapes, layouts, types and kinds, and a geometry they may belong to."""
    classes = draw(st.integers(1, 24))
    height, width = draw(st.integers(1, 13)), draw(st.integers(1, 13))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32)))
    logits = torch.randn(1, classes, height, width, generator=generator) * 5
    if draw(st.booleans()):
        logits = smooth(classes, height, width, seed=draw(st.integers(0, 2**32)))
    logits = logits.to(draw(st.sampled_from([torch.float32, torch.bfloat16, torch.float16])))
    layout = draw(st.sampled_from(["planes", "pixels", "sliced", "transposed"]))
    if layout == "pixels":
        logits = logits.contiguous(memory_format=torch.channels_last)
    elif layout == "sliced":
        logits = torch.cat([logits, logits], dim=1).contiguous(memory_format=torch.channels_last)
        logits = logits[:, classes:]
    elif layout == "transposed":
        logits = logits.transpose(2, 3).contiguous().transpose(2, 3)
    original = draw(st.tuples(st.integers(1, 90), st.integers(1, 90)))
    align_corners = draw(st.booleans())
    if draw(st.booleans()):
        return logits, plain(original, align_corners=align_corners)
    resized = draw(st.tuples(st.integers(1, 60), st.integers(1, 60)))
    offset = draw(st.tuples(st.integers(0, 20), st.integers(0, 20)))
    more = draw(st.tuples(st.integers(0, 20), st.integers(0, 20)))
    padded = (resized[0] + offset[0] + more[0], resized[1] + offset[1] + more[1])
    return logits, Geometry(original, resized, padded, offset, align_corners)


@given(cases())
@settings(deadline=None, max_examples=150)
def test_labels_are_those_of_the_obvious_way(case: tuple[torch.Tensor, Geometry]) -> None:
    logits, geometry = case
    ties = count_ties(restore(logits, geometry), enlarge(logits, geometry))
    # Half precision has few values, so that ties are common; all else hardly ever ties.
    if logits.dtype == torch.float32:
        assert ties <= 1


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
    classes: int, grid: tuple[int, int], size: tuple[int, int], kind: str, align_corners: bool
) -> None:
    noise = torch.randn(1, classes, *grid, generator=torch.Generator().manual_seed(1))
    logits = smooth(classes, *grid) if kind == "smooth" else noise
    geometry = plain(size, align_corners=align_corners)
    ties = count_ties(restore(logits, geometry), enlarge(logits, geometry))
    assert ties <= 1e-5 * size[0] * size[1]


def test_labels_do_not_depend_on_how_the_work_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    logits, geometry = smooth(20, 24, 32), plain((200, 300))
    expected = restore(logits, geometry)
    monkeypatch.setattr(cells_module, "CELLS_AT_ONCE", 7)
    monkeypatch.setattr(cells_module, "PIXELS_AT_ONCE", 300)
    monkeypatch.setattr(cells_module, "LONGEST_RUN", 3)
    np.testing.assert_array_equal(restore(logits, geometry), expected)


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


def test_labels_by_hand() -> None:
    logits = torch.tensor([[[0.0, 8.0]], [[3.0, 3.0]], [[0.0, 0.0]]])
    # Class 0 at the four pixels: 0, 2, 6, 8.
    np.testing.assert_array_equal(restore(logits, plain((2, 4))), [[1, 1, 0, 0]] * 2)
    # Corners on corners: 0, 8/3, 16/3, 8.
    corners = plain((1, 4), align_corners=True)
    np.testing.assert_array_equal(restore(logits, corners), [[1, 1, 0, 0]])


def test_a_class_that_wins_no_corner_can_win_between_them() -> None:
    logits = torch.tensor([[[9.0, 0.0]], [[0.0, 9.0]], [[6.0, 6.0]]])
    # Between the corners 0 and 1 fall to 4.5 while 2 stays at 6.
    labels = restore(logits, plain((1, 8), align_corners=True))
    np.testing.assert_array_equal(labels, [[0, 0, 0, 2, 2, 1, 1, 1]])


def test_padding_is_cut_off() -> None:
    # The picture fills the left half of the canvas, where class 1 wins.
    logits = torch.tensor([[[0.0, 0.0, 5.0, 5.0]], [[3.0, 3.0, 0.0, 0.0]]])
    geometry = Geometry((1, 6), (1, 2), (1, 4))
    np.testing.assert_array_equal(restore(logits, geometry)[:, :5], [[1] * 5])
    right = Geometry((1, 6), (1, 2), (1, 4), (0, 2))
    np.testing.assert_array_equal(restore(logits, right)[:, 1:], [[0] * 5])


@pytest.mark.parametrize("size", [(1, 1), (1, 4000), (4000, 3), (3, 1)])
@pytest.mark.parametrize("grid", [(1, 1), (1, 63), (63, 1), (5, 4)])
def test_odd_sizes(size: tuple[int, int], grid: tuple[int, int]) -> None:
    logits = torch.randn(3, *grid, generator=torch.Generator().manual_seed(0))
    assert count_ties(restore(logits, plain(size)), enlarge(logits, plain(size))) <= 1


def test_one_class_and_no_competition() -> None:
    labels = restore(torch.randn(1, 4, 4), plain((9, 9)))
    np.testing.assert_array_equal(labels, np.zeros((9, 9)))


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


def test_a_tie_at_one_corner_only() -> None:
    # 0 and 1 are equal on the left logit, 1 is better everywhere else.
    logits = torch.tensor([[[4.0, 0.0]], [[4.0, 4.0]]])
    labels = restore(logits, plain((1, 5), align_corners=True))
    np.testing.assert_array_equal(labels, [[0, 1, 1, 1, 1]])


def test_the_result_is_a_contiguous_array_of_its_own() -> None:
    logits = smooth(5, 6, 6)
    before = logits.clone()
    labels = restore(logits, plain((6, 6)))
    assert labels.flags.c_contiguous
    labels[:] = 9
    torch.testing.assert_close(logits, before, rtol=0, atol=0)


def test_infinite_logits() -> None:
    logits = torch.full((3, 2, 2), 1.0)
    logits[0] = -torch.inf  # a masked class
    np.testing.assert_array_equal(restore(logits, plain((4, 4))), 1)
    logits[2, 0, 0] = torch.inf
    labels = restore(logits, plain((4, 4)))
    assert labels[0, 0] == 2
    assert labels[3, 3] == 1
    np.testing.assert_array_equal(restore(torch.full((3, 2, 2), -torch.inf), plain((4, 4))), 0)


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


@given(cases())
@settings(deadline=None, max_examples=40)
def test_probabilities_are_those_of_the_obvious_way(case: tuple[torch.Tensor, Geometry]) -> None:
    logits, geometry = case
    expected = enlarge(logits, geometry).softmax(dim=0).float().numpy()
    labels = restore(logits, geometry)
    confidence = winner_confidence(logits, geometry, labels)
    assert confidence.dtype == np.float32
    winners = np.take_along_axis(expected, labels[None].astype(int), axis=0)[0]
    np.testing.assert_allclose(confidence, winners, atol=1e-4)
    every = probabilities(logits, geometry, range(len(expected)))
    assert every.dtype == np.float32
    np.testing.assert_allclose(every, expected, atol=1e-4)


def test_probabilities_come_in_the_order_asked_for() -> None:
    logits, geometry = smooth(5, 6, 6), plain((30, 40))
    every = probabilities(logits, geometry, range(5))
    np.testing.assert_allclose(every.sum(axis=0), 1, atol=1e-5)
    np.testing.assert_array_equal(probabilities(logits, geometry, (3, 0, 3)), every[[3, 0, 3]])
    assert probabilities(logits, geometry, []).shape == (0, 30, 40)


@pytest.mark.parametrize("class_id", [-1, 5, 1.5])
def test_probabilities_of_unknown_classes(class_id: Any) -> None:
    with pytest.raises(InputError, match=re.escape(f"class id {class_id} is not a whole number")):
        probabilities(smooth(5, 6, 6), plain((8, 8)), [class_id])


def test_confidence_by_hand() -> None:
    logits = torch.log(torch.tensor([[[1.0]], [[3.0]]]))
    labels = np.array([[0, 1, 255]], np.uint8)
    confidence = winner_confidence(logits, plain((1, 3)), labels)
    np.testing.assert_allclose(confidence, [[0.25, 0.75, 0]], atol=1e-6)


def test_confidence_of_a_hopeless_label_is_zero() -> None:
    logits = torch.tensor([[[500.0]], [[-500.0]]])
    confidence = winner_confidence(logits, plain((1, 2)), np.array([[0, 1]], np.uint8))
    np.testing.assert_array_equal(confidence, [[1, 0]])


def test_confidence_needs_labels_of_the_photograph() -> None:
    with pytest.raises(InputError, match=re.escape("of shape (8, 8), as restore gives them, got")):
        winner_confidence(smooth(3, 4, 4), plain((8, 8)), np.zeros((8, 9), np.uint8))
    with pytest.raises(InputError, match="whole numbers"):
        winner_confidence(smooth(3, 4, 4), plain((8, 8)), np.zeros((8, 8), np.float32))


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
