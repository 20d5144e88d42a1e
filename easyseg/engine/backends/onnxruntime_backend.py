"""Runs a network with ONNX Runtime, on CPUs."""

import torch

from easyseg.engine import conversion
from easyseg.engine.backends import converted
from easyseg.engine.backends.network import Checkpoint
from easyseg.errors import DownloadError


class ONNXRuntimeNetwork:
    """A network on ONNX Runtime, in float32; pyramid pooling (PSPNet, UPerNet) it cannot take.

    Args:
        checkpoint: The network.

    Attributes:
        backend: `"onnxruntime"`.
        precision: `"fp32"`.

    Raises:
        Exception: Whatever PyTorch or ONNX Runtime raise; their errors have no base of their own.
    """

    backend = "onnxruntime"
    precision = "fp32"

    def __init__(self, checkpoint: Checkpoint) -> None:
        onnxruntime = conversion.import_quietly("onnxruntime")
        options = onnxruntime.SessionOptions()
        # What the user has set for PyTorch holds here, too.
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 3  # errors: its warnings are about its own rewrites
        self._session = onnxruntime.InferenceSession(
            _converted(checkpoint), options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """See `Network`."""
        pictures = x.detach().to("cpu", torch.float32).contiguous()
        answers = [
            self._session.run(None, {conversion.INPUT: picture})[0]
            for picture in pictures.numpy()[:, None]
        ]
        return torch.cat([torch.from_numpy(answer) for answer in answers])


def _converted(checkpoint: Checkpoint) -> bytes:
    """The network as ONNX, from the cache or made anew."""
    try:
        path = converted.path_for(checkpoint, "onnx", torch.__version__)
    except DownloadError:  # nobody is at home
        return conversion.to_onnx(checkpoint.load())
    parts = converted.read(path) or {}
    if "model.onnx" not in parts:
        parts = {"model.onnx": conversion.to_onnx(checkpoint.load())}
        converted.write(path, parts)
    return parts["model.onnx"]
