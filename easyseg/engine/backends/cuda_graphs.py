"""Replays a network's work on a GPU as one recorded CUDA graph, for sizes that come again."""

import logging
import threading
from collections import Counter
from collections.abc import Callable

import torch

_logger = logging.getLogger("easyseg")

OFTEN = 4
"""How many batches of one shape make it worth recording: that takes as long as several runs."""

MOST_SHAPES = 4
"""How many shapes are kept recorded, each with memory of its own; the one not used for longest
goes first."""

_WARM_UP = 2

Run = Callable[[torch.Tensor], torch.Tensor]


class Graphed:
    """Runs a function of one tensor, and records it for shapes that come often.

    A light network is a few hundred small kernels, and starting each from Python takes longer than
    its work; a recorded graph is started once. Where recording fails, it is not tried again.

    Args:
        run: From a tensor on the GPU to another, always by the same kernels for the same shape.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._seen: Counter[torch.Size] = Counter()
        self._recorded: dict[torch.Size, Recorded] = {}
        self._lock = threading.Lock()
        self._is_able = True

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Gives what the function gives; safe from several threads."""
        with self._lock:
            self._seen[x.shape] += 1
            recorded = self._recorded.pop(x.shape, None)
            if recorded is None:
                if self._seen[x.shape] < OFTEN or not self._is_able:
                    return self._run(x)
                try:
                    recorded = Recorded(self._run, x)
                except RuntimeError as error:  # what CUDA cannot record, or has no memory for
                    self._is_able = False
                    _logger.info("the network runs without a CUDA graph: %s", error)
                    return self._run(x)
            self._recorded[x.shape] = recorded
            if len(self._recorded) > MOST_SHAPES:
                dropped = next(iter(self._recorded))
                del self._recorded[dropped], self._seen[dropped]
            return recorded(x)


class Recorded:
    """A function recorded for one shape.

    Args:
        run: See `Graphed`.
        x: A tensor of that shape, on the GPU.
    """

    def __init__(self, run: Run, x: torch.Tensor) -> None:
        self._x = x.clone()
        # Libraries choose their algorithms and take their memory in the first runs, which may not
        # be recorded, and which PyTorch wants on a stream of their own.
        aside = torch.cuda.Stream(x.device)  # type: ignore[no-untyped-call]
        aside.wait_stream(torch.cuda.current_stream(x.device))
        with torch.cuda.stream(aside):
            for _ in range(_WARM_UP):
                run(self._x)
        torch.cuda.current_stream(x.device).wait_stream(aside)
        self._graph = torch.cuda.CUDAGraph()
        # Other threads may allocate meanwhile: that is no error of this one.
        with torch.cuda.graph(self._graph, capture_error_mode="thread_local"):
            self._out = run(self._x)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Gives the answer for a tensor of the recorded shape."""
        self._x.copy_(x, non_blocking=True)
        self._graph.replay()
        return self._out.clone()  # the next replay writes over it
