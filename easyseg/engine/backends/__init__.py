"""What computes a network's answer: PyTorch, or a faster engine where one is installed."""

import logging
import os
import threading
import warnings
from collections.abc import Callable

import torch

from easyseg.engine import conversion, forked
from easyseg.engine.backends.network import Checkpoint, Network
from easyseg.engine.backends.onnxruntime_backend import ONNXRuntimeNetwork
from easyseg.engine.backends.openvino_backend import OpenVINONetwork
from easyseg.engine.backends.torch_backend import TorchNetwork
from easyseg.errors import EasysegError, EasysegWarning, InputError

__all__ = [
    "BACKENDS",
    "Checkpoint",
    "Network",
    "check_backend",
    "open_network",
    "pick_backend",
    "try_out",
]

BACKENDS: dict[str, tuple[str, ...]] = {
    "torch": ("fp32", "bf16", "fp16"),
    "openvino": ("fp32", "bf16", "int8"),
    "onnxruntime": ("fp32",),
}
"""The backends, each with its precisions; all but torch run on the CPU only."""

_logger = logging.getLogger("easyseg")


def check_backend(backend: str, precision: str) -> str:
    """Checks that there is such a backend, that it is installed, and that it has the precision.

    Args:
        backend: One of `BACKENDS`, or `"auto"`.
        precision: One of the backend's, or `"auto"`.

    Returns:
        The backend; where only one has the precision, that one instead of `"auto"`.

    Raises:
        InputError: If there is no such backend, or it does not have that precision.
        ModelError: If it is not installed.
    """
    if backend not in ("auto", *BACKENDS):
        raise InputError(f"backend must be one of {['auto', *BACKENDS]}, not {backend!r}")
    able = [name for name, precisions in BACKENDS.items() if precision in ("auto", *precisions)]
    if not able:
        known = dict.fromkeys(name for precisions in BACKENDS.values() for name in precisions)
        raise InputError(f"precision must be one of {['auto', *known]}, not {precision!r}")
    if backend == "auto" and len(able) == 1:
        (backend,) = able
    if backend not in ("auto", *able):
        raise InputError(
            f"the backend {backend!r} does not have the precision {precision!r}: the backends "
            f"{able} do"
        )
    if backend not in ("auto", "torch"):
        conversion.need(backend)
    return backend


def pick_backend(backend: str, precision: str, device: torch.device) -> str:
    """Chooses the backend.

    Args:
        backend: As `check_backend` gave it; `"auto"` is OpenVINO on a CPU where it is installed,
            and torch otherwise.
        precision: One of the backend's, or `"auto"`.
        device: Where the network runs.

    Returns:
        A key of `BACKENDS`.

    Raises:
        InputError: If the backend does not run on that device.
    """
    if backend == "auto":
        is_able = precision in ("auto", *BACKENDS["openvino"]) and device.type == "cpu"
        return "openvino" if is_able and conversion.is_installed("openvino") else "torch"
    if backend != "torch" and device.type != "cpu":
        raise InputError(
            f"the backend {backend!r} runs on the CPU, not on {str(device)!r}: leave device or "
            "backend out"
        )
    return backend


def open_network(
    checkpoint: Checkpoint, *, device: torch.device, backend: str, precision: str
) -> Network:
    """Makes a network ready to run.

    Args:
        checkpoint: The network.
        device: Where it runs.
        backend: As `pick_backend` gave it. Where another than torch fails, now or later, torch
            takes over, with one `EasysegWarning`.
        precision: One of the backend's.

    Returns:
        The network.

    Raises:
        InputError: If the output stride does not suit.
        ModelError: If the file does not fit its record, or is not calibrated for `"int8"`.
    """
    if backend == "torch":
        return TorchNetwork(checkpoint, device, precision)
    if backend == "openvino":
        return _WithFallback(lambda: OpenVINONetwork(checkpoint, precision), checkpoint)
    return _WithFallback(lambda: ONNXRuntimeNetwork(checkpoint), checkpoint)


def try_out(backend: str) -> None:
    """Runs a network of one layer on a backend other than torch; keeps no file.

    Args:
        backend: `"openvino"` or `"onnxruntime"`, installed.

    Raises:
        Exception: Whatever the backend raises; their errors have no base of their own.
    """
    layer = torch.nn.Conv2d(3, 4, 3).eval().requires_grad_(False)
    if backend == "openvino":
        core = conversion.import_quietly("openvino").Core()
        core.compile_model(conversion.to_openvino(layer), "CPU")
    else:
        onnxruntime = conversion.import_quietly("onnxruntime")
        onnxruntime.InferenceSession(conversion.to_onnx(layer), providers=["CPUExecutionProvider"])


class _WithFallback:
    """A network that goes on with torch, on the CPU in float32, when its own backend fails.

    It does so, too, in a process that was forked from the one that opened it.

    Args:
        open_own: Opens the network on its own backend.
        checkpoint: The network.

    Raises:
        InputError: As `open_network` does.
        ModelError: As `open_network` does.
    """

    def __init__(self, open_own: Callable[[], Network], checkpoint: Checkpoint) -> None:
        self._checkpoint = checkpoint
        self._lock = threading.Lock()
        self._process = os.getpid()
        try:
            is_forked = forked.prepare()
            self._network = self._own_torch() if is_forked else open_own()
        except EasysegError:
            raise
        except Exception as error:  # noqa: BLE001 - the backends' errors have no other base
            self._network = self._torch(error)

    @property
    def backend(self) -> str:
        """What runs now."""
        return self._network.backend

    @property
    def precision(self) -> str:
        """What it computes with now."""
        return self._network.precision

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """See `Network`."""
        network = self._network
        if isinstance(network, TorchNetwork):
            return network(x)
        if os.getpid() != self._process:
            self._process, self._lock = os.getpid(), threading.Lock()
            forked.abandon(network)
            self._network = self._own_torch()
            return self._network(x)
        try:
            return network(x)
        except Exception as error:  # noqa: BLE001 - the backends' errors have no other base
            with self._lock:
                if self._network is network:  # no other thread was quicker
                    self._network = self._torch(error)
            return self._network(x)

    def _torch(self, error: Exception) -> Network:
        name = self._checkpoint.weights.name
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        warnings.warn(
            f"the faster backend cannot run {name} and PyTorch runs it instead: {reason}. "
            "backend='torch' asks for that without a warning",
            EasysegWarning,
            stacklevel=2,
        )
        _logger.debug("the backend failed", exc_info=error)
        return self._own_torch()

    def _own_torch(self) -> Network:
        return TorchNetwork(self._checkpoint, torch.device("cpu"), "fp32")
