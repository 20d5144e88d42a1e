"""Runs a network with OpenVINO, on CPUs: two to three times as fast as PyTorch."""

import threading
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from easyseg.engine import conversion
from easyseg.engine.backends import converted
from easyseg.engine.backends.network import Checkpoint
from easyseg.errors import DownloadError, ModelError

OFTEN = 4
"""How many pictures of one size make it worth a network of its own. One for all sizes is 5 to 45 %
slower, and compiling one for a size takes as long as two to four pictures."""

MOST_SIZES = 4
"""How many sizes have a network of their own; the one not used for longest goes first."""

_HINTS = {"fp32": "f32", "bf16": "bf16", "int8": "f32"}

Size = tuple[int, int]


class OpenVINONetwork:
    """A network on OpenVINO.

    The first size of picture gets a network that is compiled for it. Others are served by one for
    all sizes, until one of them has come `OFTEN` times.

    Args:
        checkpoint: The network.
        precision: `"fp32"`, `"bf16"`, or `"int8"`, which has to be calibrated beforehand, see
            `easyseg.quantize`.

    Attributes:
        backend: `"openvino"`.
        precision: As given.

    Raises:
        ModelError: If `"int8"` is not calibrated.
        Exception: Whatever PyTorch or OpenVINO raise; their errors have no base of their own.
    """

    backend = "openvino"

    def __init__(self, checkpoint: Checkpoint, precision: str) -> None:
        self.precision = precision
        self._openvino = conversion.import_quietly("openvino")
        self._core = self._openvino.Core()
        parts = calibrated(checkpoint) if precision == "int8" else _converted(checkpoint)
        self._model = self._core.read_model(parts["model.xml"], parts["model.bin"])
        self._settings = {
            "INFERENCE_PRECISION_HINT": _HINTS[precision],
            "PERFORMANCE_HINT": "LATENCY",
            # What the user has set for PyTorch holds here, too.
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            # Decoding, drawing and other programs want a core as well.
            "ENABLE_CPU_PINNING": False,
        }
        self._for_sizes: dict[Size, Any] = {}
        self._for_all: Any = None
        self._seen: Counter[Size] = Counter()
        self._lock = threading.Lock()

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """See `Network`."""
        pictures = x.detach().to("cpu", torch.float32).contiguous()
        with self._lock:  # one at a time: each uses all cores
            request = self._request((x.shape[2], x.shape[3]))
            # What infer() gives is a copy.
            answers = [request.infer([picture])[0] for picture in pictures.numpy()[:, None]]
        if not all(answer.size for answer in answers):
            raise MemoryError("OpenVINO gave an empty answer, as it does when memory runs out")
        return torch.cat([torch.from_numpy(answer) for answer in answers])

    def _request(self, size: Size) -> Any:
        """What runs pictures of a size."""
        self._seen[size] += 1
        request = self._for_sizes.pop(size, None)
        if request is None and self._for_sizes and self._seen[size] < OFTEN:
            if self._for_all is None:
                self._for_all = self._compiled(self._model)
            return self._for_all
        if request is None:
            model = self._model.clone()
            model.reshape([1, 3, *size])
            request = self._compiled(model)
        self._for_sizes[size] = request
        if len(self._for_sizes) > MOST_SIZES:
            dropped = next(iter(self._for_sizes))
            del self._for_sizes[dropped], self._seen[dropped]
        return request

    def _compiled(self, model: Any) -> Any:
        return self._core.compile_model(model, "CPU", self._settings).create_infer_request()


def calibrated_path(checkpoint: Checkpoint) -> Path:
    """Names the file of a network in 8 bits, which `easyseg.quantize` makes.

    Raises:
        ModelError: If the user has no home folder for a cache.
    """
    version: str = conversion.import_quietly("openvino").__version__
    try:
        return converted.path_for(checkpoint, "int8", version)
    except DownloadError as error:
        raise ModelError(str(error)) from error


def calibrated(checkpoint: Checkpoint) -> dict[str, bytes]:
    """Reads a network in 8 bits.

    Raises:
        ModelError: If it has not been calibrated.
    """
    parts = converted.read(calibrated_path(checkpoint))
    if parts is None:
        name = checkpoint.weights.name
        raise ModelError(
            f"{name} has no 8-bit form yet: it is made from photographs of yours, by easyseg "
            f"quantize --model {name} PHOTOS, or easyseg.quantize()"
        )
    return parts


def _converted(checkpoint: Checkpoint) -> dict[str, bytes]:
    """The network in OpenVINO's format, from the cache or made anew."""
    version: str = conversion.import_quietly("openvino").__version__
    try:
        path = converted.path_for(checkpoint, "openvino", version)
    except DownloadError:  # nobody is at home
        return as_parts(conversion.to_openvino(checkpoint.load()))
    parts = converted.read(path)
    if parts is None or set(parts) != {"model.xml", "model.bin"}:
        parts = as_parts(conversion.to_openvino(checkpoint.load()))
        converted.write(path, parts)
    return parts


def as_parts(model: Any) -> dict[str, bytes]:
    """Writes an `openvino.Model` to memory.

    Returns:
        `model.xml` and `model.bin`.
    """
    openvino = conversion.import_quietly("openvino")
    with TemporaryDirectory(prefix="easyseg-") as folder:
        path = Path(folder) / "model.xml"
        openvino.save_model(model, path, compress_to_fp16=False)
        return {file.name: file.read_bytes() for file in (path, path.with_suffix(".bin"))}
