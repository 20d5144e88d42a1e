"""What a CPU can hold of it: which shapes are recorded, and how a recording is used."""

import contextlib

import pytest
import torch

from easyseg.engine.backends import cuda_graphs
from easyseg.engine.backends.cuda_graphs import MOST_SHAPES, OFTEN, Graphed, Recorded


class FakeGraph:
    """Runs again what was recorded, on the same memory, as CUDA's does."""

    def __init__(self) -> None:
        self.work = None

    def replay(self) -> None:
        self.work()


@pytest.fixture
def fake_cuda(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stands in for CUDA's streams and graphs; gives what was done, in order."""
    done: list[str] = []

    class FakeStream:
        def wait_stream(self, other: object) -> None:
            done.append("wait")

    @contextlib.contextmanager
    def record(graph: FakeGraph, capture_error_mode: str):
        done.append("record")
        yield

    monkeypatch.setattr(torch.cuda, "Stream", lambda device: FakeStream())
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: FakeStream())
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: contextlib.nullcontext())
    monkeypatch.setattr(torch.cuda, "CUDAGraph", FakeGraph)
    monkeypatch.setattr(torch.cuda, "graph", record)
    return done


def test_a_recording_answers_for_new_inputs(fake_cuda: list[str]):
    memory = torch.zeros(2)

    def double(x: torch.Tensor) -> torch.Tensor:
        return torch.mul(x, 2, out=memory)

    recorded = Recorded(double, torch.tensor([1.0, 2.0]))
    assert fake_cuda == ["wait", "wait", "record"]
    recorded._graph.work = lambda: double(recorded._x)
    first = recorded(torch.tensor([3.0, 4.0]))
    second = recorded(torch.tensor([5.0, 6.0]))
    assert first.tolist() == [6.0, 8.0]  # not written over
    assert second.tolist() == [10.0, 12.0]


def test_shapes_that_come_often_are_recorded(monkeypatch):
    recorded: list[int] = []

    class Fake:
        def __init__(self, run, x: torch.Tensor) -> None:
            self.run = run
            recorded.append(x.shape[0])

        def __call__(self, x: torch.Tensor) -> torch.Tensor:
            return self.run(x)

    monkeypatch.setattr(cuda_graphs, "Recorded", Fake)
    graphed = Graphed(lambda x: x + 1)
    for _ in range(OFTEN - 1):
        assert graphed(torch.zeros(7)).sum() == 7
    assert recorded == []
    graphed(torch.zeros(7))
    graphed(torch.zeros(7))
    assert recorded == [7]
    for length in range(20, 20 + MOST_SHAPES):
        for _ in range(OFTEN):
            assert graphed(torch.zeros(length)).shape == (length,)
    assert len(graphed._recorded) == MOST_SHAPES
    assert recorded == [7, 20, 21, 22, 23]
    graphed(torch.zeros(7))  # forgotten
    assert len(recorded) == 5


@pytest.mark.gpu
def test_a_graph_gives_the_same_on_a_gpu():
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.ReLU()).cuda().eval()
    graphed = Graphed(module)
    with torch.inference_mode():
        for number in range(8):
            x = torch.randn(1, 3, 32, 32 + number % 2, device="cuda")
            torch.testing.assert_close(graphed(x), module(x))


def test_where_recording_fails_it_goes_on_without(monkeypatch, caplog):
    tried: list[int] = []

    def fail(run: object, x: torch.Tensor) -> None:
        tried.append(1)
        raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setattr(cuda_graphs, "Recorded", fail)
    caplog.set_level("INFO", "easyseg")
    double = Graphed(lambda x: 2 * x)
    for number in range(3 * OFTEN):
        assert double(torch.full((1,), float(number))).item() == 2 * number
    assert len(tried) == 1
    assert [record.message for record in caplog.records] == [
        "the network runs without a CUDA graph: operation not permitted when stream is capturing"
    ]
