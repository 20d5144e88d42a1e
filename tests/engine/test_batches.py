"""Pictures in batches, on the CPU, by the code that CUDA is given."""

import weakref
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from easyseg.engine import Segmenter, batches, forked, inputs, segmenter, views
from easyseg.engine.backends import Checkpoint
from easyseg.engine.backends.torch_backend import TorchNetwork
from easyseg.engine.batches import MOST, BatchPredictor
from easyseg.errors import InputError, MediaError
from easyseg.transforms import Preprocess, lay_out

CPU = torch.device("cpu")
ALIKE = 0.995
"""Convolutions on CUDA round float32 to 11 bits (TF32), which moves some edges by a pixel."""

RULE = Preprocess((0, 0, 0), (1, 1, 1), 1.0, size=32, divisor=32)


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


class Recorder:
    """A network that notes the shapes of what it is given."""

    def __init__(self, *errors: Exception) -> None:
        self.shapes: list[tuple[int, ...]] = []
        self.errors = list(errors)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        self.shapes.append(tuple(x.shape))
        if len(x) > 1 and self.errors:
            raise self.errors.pop(0)
        return x[:, :2, ::4, ::4]


def predict(network: Recorder, pictures: list[np.ndarray]) -> list[np.ndarray]:
    predictions = BatchPredictor(RULE, network, CPU)((one, {}) for one in pictures)
    found = []
    for image, prediction in zip(pictures, predictions, strict=True):
        assert prediction.image is image
        assert prediction.geometry == RULE(image)[1]
        assert prediction.logits.shape[0] == 1
        torch.testing.assert_close(prediction.logits, network(RULE(image)[0]))
        network.shapes.pop()
        found.append(prediction)
    return found


@pytest.fixture(scope="module")
def small() -> Segmenter:
    return Segmenter("builtin", dataset="voc", device="cpu", backend="torch", size=64)


def test_pictures_with_one_size_of_input_go_together():
    network = Recorder()
    # The wide ones are of several sizes, but their canvases are 32 x 32, the high one's, too.
    sizes = [(30, 40), (33, 40), (40, 31), (1, 90), (40, 40)] + [(40, 40)] * MOST
    predict(network, [picture(*size, seed) for seed, size in enumerate(sizes)])
    assert network.shapes == [(MOST, 3, 32, 32), (5, 3, 32, 32)]


def test_another_size_begins_another_batch():
    native = Preprocess((0, 0, 0), (1, 1, 1), resize="native")
    network = Recorder()
    pictures = [picture(8, width) for width in (8, 8, 16, 8)]
    found = list(BatchPredictor(native, network, CPU)((one, {}) for one in pictures))
    assert [one.geometry.original for one in found] == [(8, 8), (8, 8), (8, 16), (8, 8)]
    assert [(shape[0], shape[3]) for shape in network.shapes] == [(2, 8), (1, 16), (1, 8)]


def test_no_more_than_a_batch_is_read_ahead():
    read: list[int] = []
    alive: list[weakref.ref[np.ndarray]] = []

    def pictures() -> Iterator[tuple[np.ndarray, dict[str, float]]]:
        for number in range(3 * MOST):
            read.append(number)
            image = picture(32, 32, number)
            alive.append(weakref.ref(image))
            yield image, {}

    most = 0
    for done, prediction in enumerate(BatchPredictor(RULE, Recorder(), CPU)(pictures())):
        assert len(read) <= done + MOST
        most = max(most, sum(one() is not None for one in alive))
        del prediction
    assert len(read) == 3 * MOST
    assert most <= MOST + 1


@pytest.mark.parametrize(
    "error", [torch.cuda.OutOfMemoryError("CUDA out of memory."), MemoryError()]
)
def test_where_memory_runs_out_they_go_one_by_one(error: Exception):
    network = Recorder(error)
    predict(network, [picture(32, 32, seed) for seed in range(MOST + 3)])
    assert [shape[0] for shape in network.shapes] == [MOST] + [1] * (MOST + 3)


def test_a_picture_too_large_alone_says_so():
    def fail(x: torch.Tensor) -> torch.Tensor:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory.")

    with pytest.raises(torch.cuda.OutOfMemoryError):
        list(BatchPredictor(RULE, fail, CPU)([(picture(8, 8), {}), (picture(8, 8), {})]))


def test_other_errors_are_not_hidden():
    with pytest.raises(RuntimeError, match="shapes do not match"):
        predict(Recorder(RuntimeError("shapes do not match")), [picture(8, 8)] * 2)
    with pytest.raises(InputError, match="uint8"):
        list(BatchPredictor(RULE, Recorder(), CPU)([(np.zeros((4, 4)), {})]))


def test_the_time_of_a_batch_is_shared():
    timings = [one.timing for one in predict(Recorder(), [picture(9, 9)] * 3)]
    assert [set(timing) for timing in timings] == [{"preprocess", "network"}] * 3
    assert len({timing["network"] for timing in timings}) == 1
    assert batches._sum({"read": 1.0, "preprocess": 2.0}, {"preprocess": 3.0}) == {
        "read": 1.0,
        "preprocess": 5.0,
    }


load = partial(segmenter._read, color="rgb", max_pixels=10**6)


def test_a_list_gets_the_answers_of_single_pictures(small: Segmenter, photographs: Path):
    shapes = [(1, 1), (40, 300), (300, 40), (200, 310)]
    sources = [
        photographs / "china.jpg",
        photographs / "coffee.jpg",
        *(picture(*shape) for shape in shapes),
        photographs / "chelsea.jpg",
    ]
    together = small._segment_together(sources, load, True, tta=False)
    assert len(together) == len(sources)
    for source, result in zip(sources, together, strict=True):
        alone = small(source, confidence=True, tta=False)
        assert result.labels.shape == alone.labels.shape
        assert np.mean(result.labels == alone.labels) >= 0.999
        np.testing.assert_allclose(result.confidence, alone.confidence, atol=1e-3)
        assert result.source == alone.source
        assert set(result.timing) == set(alone.timing)
        np.testing.assert_array_equal(result.image, alone.image)


def test_a_picture_of_a_list_that_cannot_be_read(small: Segmenter, tmp_path: Path):
    with pytest.raises(MediaError, match=r"nothing\.jpg"):
        small._segment_together([picture(9, 9), tmp_path / "nothing.jpg"], load, False, False)
    assert small._segment_together([], load, False, False) == []


@pytest.mark.parametrize(
    ("device", "options", "together"),
    [
        ("cuda", {}, True),
        ("cuda", {"confidence": True}, True),
        ("cuda", {"tta": True}, True),
        ("cuda", {"tile": 512}, False),
        ("cpu", {}, False),
        ("mps", {}, False),
    ],
)
def test_lists_are_batched_on_cuda_only(
    small: Segmenter, monkeypatch: pytest.MonkeyPatch, device: str, options: dict, together: bool
):
    other = small.with_size(64)
    other.device = torch.device(device)
    monkeypatch.setattr(other, "_segment", lambda *given, **others: "alone")
    monkeypatch.setattr(other, "_segment_together", lambda given, *more, **others: ["together"])
    assert other([picture(9, 9)], **options) == ["together" if together else "alone"]
    assert other(picture(9, 9)) == "alone"


def test_inputs_made_on_the_device_change_no_answer(
    small: Segmenter, monkeypatch: pytest.MonkeyPatch, astronaut: np.ndarray
):
    exact, averaged = small(astronaut, tta=False), small(astronaut, tta=True)
    made: list[str] = []

    def on_device(preprocess: Preprocess, image: np.ndarray, device: torch.device):
        made.append(device.type)
        fitted = preprocess.fit(image)
        return lay_out([fitted], preprocess, CPU), fitted[1]

    monkeypatch.setattr(segmenter, "prepare", on_device)
    monkeypatch.setattr(views, "prepare", on_device)
    assert np.mean(small(astronaut, tta=False).labels == exact.labels) >= 0.999
    assert np.mean(small(astronaut, tta=True).labels == averaged.labels) >= 0.999
    assert made == ["cpu"] * 2


@pytest.mark.parametrize("device", ["cpu", "mps"])
def test_elsewhere_inputs_are_made_as_ever(device: str):
    x, geometry = inputs.prepare(RULE, picture(20, 30), torch.device(device))
    assert x.device.type == "cpu"
    expected, where = RULE(picture(20, 30))
    torch.testing.assert_close(x, expected, rtol=0, atol=0)
    assert geometry == where


def test_what_is_sent_to_cuda_is_uint8_in_pinned_memory(monkeypatch: pytest.MonkeyPatch):
    """With a stand-in for CUDA, which only notes what it is asked for."""
    pinned: list[torch.dtype] = []
    sent: list[tuple[torch.dtype, bool]] = []
    cuda = torch.device("cuda")
    empty = torch.empty

    def allocate(*size: object, pin_memory: bool = False, **options: object) -> torch.Tensor:
        if pin_memory:
            pinned.append(options["dtype"])
        else:
            assert options.pop("device") == cuda
        return empty(*size, **options)

    def send(values: torch.Tensor, device: torch.device, *, non_blocking: bool) -> torch.Tensor:
        assert device == cuda
        sent.append((values.dtype, non_blocking))
        return values

    monkeypatch.setattr(forked, "_on_cuda", None)
    monkeypatch.setattr(torch, "empty", allocate)
    monkeypatch.setattr(torch.Tensor, "to", send)
    image = picture(90, 120)
    x, geometry = inputs.prepare(RULE, image, cuda)
    monkeypatch.undo()
    assert pinned == [torch.float32, torch.uint8]  # twelve numbers, and the picture
    assert sent == [(torch.float32, True), (torch.uint8, True)]
    expected, where = RULE(image)
    torch.testing.assert_close(x, expected)
    assert geometry == where


@pytest.mark.parametrize(("device", "waits"), [("mps", True), ("cpu", True), ("cuda", False)])
def test_only_cuda_copies_while_others_go_on(
    monkeypatch: pytest.MonkeyPatch, device: str, waits: bool
):
    """MPS would read memory that is free again by then."""
    monkeypatch.setattr(forked, "_on_cuda", None)
    monkeypatch.setattr(Checkpoint, "load", lambda self: torch.nn.Identity())
    network = TorchNetwork(Checkpoint(None, Path()), CPU, "fp32")
    network._device = torch.device(device)
    asked: list[bool] = []
    to = torch.Tensor.to

    def send(values: torch.Tensor, *place: torch.device, **options: object) -> torch.Tensor:
        if not place:
            return to(values, **options)
        asked.append(options["non_blocking"])
        return values

    monkeypatch.setattr(torch.Tensor, "to", send)
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda values: values)
    network(torch.zeros(1, 3, 8, 8))
    assert asked == [not waits]


@pytest.mark.gpu
def test_a_gpu_gets_uint8_and_gives_the_answers_of_the_cpu(photographs: Path):
    exact = Segmenter("builtin", dataset="voc", device="cpu", backend="torch")
    fast = Segmenter("builtin", dataset="voc", device="cuda")
    path = photographs / "chelsea.jpg"
    x, _ = inputs.prepare(fast._preprocess, picture(300, 400), fast.device)
    assert x.is_cuda
    for options in ({}, {"tta": True}):
        same = fast(path, **options).labels == exact(path, **options).labels
        assert same.mean() >= ALIKE


@pytest.mark.gpu
def test_a_list_on_a_gpu_gets_the_answers_of_single_pictures(photographs: Path):
    fast = Segmenter("builtin", dataset="voc", device="cuda")
    sources = sorted(photographs.glob("*.jpg")) * 12
    shapes: list[int] = []
    run = fast._run
    fast._run = lambda x: shapes.append(len(x)) or run(x)
    together = fast(sources)
    assert sum(shapes) == len(sources)
    assert max(shapes) <= MOST
    for source, result in zip(sources, together, strict=True):
        assert np.mean(result.labels == fast(source).labels) >= ALIKE
