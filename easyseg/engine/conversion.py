"""Turns a PyTorch network into one of OpenVINO's or ONNX's; those packages are extras."""

import importlib
import importlib.util
import io
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from easyseg.errors import ModelError

INPUT, OUTPUT = "image", "logits"

EXAMPLE = (128, 192)
"""Size of the picture that a network for pictures of any size is traced with."""

_NEEDED = {
    "openvino": ("openvino",),
    "onnxruntime": ("onnx", "onnxruntime"),
    "onnx": ("onnx", "onnxscript", "onnxruntime"),
    "int8": ("openvino", "nncf"),
}
"""The packages for each purpose."""


def is_installed(kind: str) -> bool:
    """Tells whether the packages for `"openvino"`, `"onnxruntime"`, `"onnx"` or `"int8"` are here.

    They are not imported for that.
    """
    return not _missing(kind)


def need(kind: str) -> None:
    """Checks that the packages for a purpose are here.

    Args:
        kind: As for `is_installed`.

    Raises:
        ModelError: If some are missing; it says how to install them.
    """
    missing = _missing(kind)
    if missing:
        raise ModelError(f"{', '.join(missing)} must be installed for this: {install_line(kind)}")


def install_line(kind: str) -> str:
    """Words the command that installs what a purpose needs, as for `is_installed`.

    The packages are named rather than an extra of easyseg, which is on no package index.
    """
    return f"pip install {' '.join(_NEEDED[kind])}"


def import_quietly(name: str) -> Any:
    """Imports OpenVINO, NNCF or ONNX Runtime without their reports to their makers' servers.

    The first two send one at their first import where the package `openvino_telemetry` is, and do
    without where it is not. The third one reads an environment variable then, and otherwise writes
    an id of the machine into the home folder and looks its maker's server up, offline, too.

    Args:
        name: Of the module.

    Returns:
        The module.

    Raises:
        ImportError: If it is not there or damaged.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    reporter = "openvino_telemetry"
    before = sys.modules.get(reporter)
    sys.modules[reporter] = None  # type: ignore[assignment] # to importers: it is not installed
    try:
        return importlib.import_module(name)
    finally:
        del sys.modules[reporter]
        if before is not None:
            sys.modules[reporter] = before


def to_openvino(module: nn.Module, size: tuple[int, int] | None = None) -> Any:
    """Converts a network.

    Args:
        module: A network in evaluation mode, on the CPU.
        size: (height, width) of the pictures; None leaves it free.

    Returns:
        An `openvino.Model` for one picture at a time, with the names `INPUT` and `OUTPUT`.

    Raises:
        Exception: Whatever PyTorch or OpenVINO raise; their errors have no base of their own.
    """
    openvino = import_quietly("openvino")
    height, width = size or EXAMPLE
    shape = [1, 3, *(size or (-1, -1))]
    with quiet(), torch.inference_mode():
        picture = torch.zeros(1, 3, height, width, dtype=torch.float32, device="cpu")
        traced = torch.jit.trace(module, picture, check_trace=False)  # type: ignore[no-untyped-call]
        model = openvino.convert_model(torch.jit.freeze(traced), input=[shape])
    model.inputs[0].get_tensor().set_names({INPUT})
    model.outputs[0].get_tensor().set_names({OUTPUT})
    return model


def to_onnx(module: nn.Module) -> bytes:
    """Converts a network for pictures of any size.

    PyTorch's older exporter, which traces: the newer one takes minutes for a free size.

    Args:
        module: A network in evaluation mode, on the CPU.

    Returns:
        An ONNX model for one picture at a time, with the names `INPUT` and `OUTPUT`.

    Raises:
        Exception: Whatever PyTorch raises; its errors have no base of their own.
    """
    buffer = io.BytesIO()
    free = {2: "height", 3: "width"}
    with quiet():
        torch.onnx.export(
            module,
            (torch.zeros(1, 3, *EXAMPLE, dtype=torch.float32, device="cpu"),),
            buffer,  # type: ignore[arg-type] # which the stubs do not know of
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_axes={INPUT: free, OUTPUT: free},
            dynamo=False,
        )
    return buffer.getvalue()


@contextmanager
def quiet() -> Iterator[None]:
    """Keeps back what the converters warn of; whether they do right is tested."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _missing(kind: str) -> list[str]:
    return [name for name in _NEEDED[kind] if importlib.util.find_spec(name) is None]
