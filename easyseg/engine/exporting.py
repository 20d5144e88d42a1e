"""Writes a model's network for other programs: ONNX, and OpenVINO's own format.

What is written is the network alone, from normalised pictures to logits; how pictures are to be
normalised, and the names of the classes, go into the file's metadata.
"""

import importlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from easyseg import labels
from easyseg._types import AnyArray, PathLike, plain
from easyseg.engine import conversion, loader
from easyseg.engine.fuse import fold_batch_norm
from easyseg.errors import InputError, ModelError
from easyseg.files import check_target, replace_by, scratch_folder
from easyseg.registry import Weights
from easyseg.transforms import Preprocess

TOLERANCE = 1e-3
"""How far the written network's logits may be from torch's, as a share of the largest one."""

SIDES = (32, 4096)


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        path: The file; OpenVINO's has a second one beside it that ends in `.bin`.
        size: (height, width) of the input.
        dynamic: Whether the number and the size of the pictures are free.
        difference: Largest difference between its logits and torch's, as a share of the largest.
    """

    path: Path
    size: tuple[int, int]
    dynamic: bool
    difference: float


def export(
    model: PathLike,
    path: PathLike,
    *,
    dataset: str | None = None,
    size: tuple[int, int] | None = None,
    output_stride: int | None = None,
    dynamic: bool = False,
) -> Exported:
    """Writes a network, and compares its answer with torch's before the file gets its name.

    Args:
        model: As for `Segmenter`.
        path: Ends in `.onnx`, or in `.xml` for OpenVINO.
        dataset: As for `Segmenter`.
        size: (height, width) of the input, in pixels. None is the square of the model's own size.
        output_stride: As for `Segmenter`.
        dynamic: Whether to leave the number and the size of the pictures free; ONNX only, takes
            minutes, and not every network can.

    Returns:
        What was written.

    Raises:
        InputError: If an argument is wrong.
        ModelError: If the model cannot be loaded, a package is missing, or the answers differ.
    """
    target = Path(path).expanduser()
    kind = target.suffix.lower()
    if kind not in (".onnx", ".xml"):
        raise InputError(f"the file must end in .onnx, or .xml for OpenVINO, not {target.name!r}")
    files = [target] if kind == ".onnx" else [target.with_suffix(".bin"), target]
    if not target.parent.is_dir():
        raise InputError(f"there is no folder {str(target.parent)!r}: make it first")
    for file in files:
        check_target(file)
    if dynamic and kind == ".xml":
        raise InputError("OpenVINO files have a fixed size here: leave dynamic out")
    conversion.need("onnx" if kind == ".onnx" else "openvino")
    weights, checkpoint = loader.find(model, dataset)
    height, width = _checked_size(size, weights.preprocess)
    network = fold_batch_norm(loader.load(weights, checkpoint, output_stride=output_stride))
    module = _Network(network, weights.first_class).eval()
    write = _write_onnx if kind == ".onnx" else _write_openvino
    with scratch_folder(target.parent) as folder:
        part = folder / f"network{kind}"
        with conversion.quiet():
            write(module, part, (height, width), _metadata(weights), dynamic)
        sizes = [(1, height, width), *([(2, height - 1, width + 1)] if dynamic else [])]
        difference = max(_difference(module, part, shape) for shape in sizes)
        if not difference <= TOLERANCE:
            raise ModelError(
                f"the written network's answer differs from torch's by {difference:.2g} of the "
                f"largest logit, more than {TOLERANCE}: nothing was kept"
            )
        replace_by({file: part.with_suffix(file.suffix.lower()) for file in files})
    return Exported(target, (height, width), dynamic, difference)


class _Network(nn.Module):
    """The network with the outputs of the classes only, the first of which has id 0."""

    def __init__(self, network: nn.Module, first_class: int) -> None:
        super().__init__()
        self.network = network
        self.first_class = first_class

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.network(image)
        return logits[:, self.first_class :] if self.first_class else logits


def _checked_size(size: tuple[int, int] | None, preprocess: Preprocess) -> tuple[int, int]:
    if size is None:
        own = preprocess.size
        size = (own, own) if isinstance(own, int) else own
    size = (plain(size[0]), plain(size[1])) if len(size) == 2 else size
    smallest, largest = SIDES
    divisor = preprocess.divisor
    if len(size) != 2 or not all(
        isinstance(side, int) and smallest <= side <= largest and side % divisor == 0
        for side in size
    ):
        multiples = f", multiples of {divisor}" if divisor > 1 else ""
        raise InputError(
            f"size must be two whole numbers from {smallest} to {largest}{multiples}, height and "
            f"width, not {size!r}"
        )
    return size


def _metadata(weights: Weights) -> dict[str, str]:
    """What whoever runs the network must know, as text."""
    label_set = labels.get(weights.label_set)
    return {
        "easyseg_model": weights.name,
        "easyseg_classes": json.dumps(list(label_set.names)),
        "easyseg_palette": json.dumps(label_set.palette.tolist()),
        "easyseg_preprocess": json.dumps(asdict(weights.preprocess)),
    }


def _write_onnx(
    module: nn.Module, path: Path, size: tuple[int, int], metadata: dict[str, str], dynamic: bool
) -> None:
    onnx: Any = importlib.import_module("onnx")
    free = torch.export.Dim.DYNAMIC
    try:
        program: Any = torch.onnx.export(
            module,
            (torch.zeros(1, 3, *size, dtype=torch.float32, device="cpu"),),
            input_names=[conversion.INPUT],
            output_names=[conversion.OUTPUT],
            dynamic_shapes=({0: free, 2: free, 3: free},) if dynamic else None,
            dynamo=True,
            verbose=False,
        )
    except (torch.onnx.errors.OnnxExporterError, RuntimeError, ValueError, TypeError) as error:
        raise ModelError(f"PyTorch cannot write this network as ONNX: {error}") from error
    proto = program.model_proto
    onnx.helper.set_model_props(proto, metadata)
    onnx.save(proto, str(path))


def _write_openvino(
    module: nn.Module, path: Path, size: tuple[int, int], metadata: dict[str, str], dynamic: bool
) -> None:
    openvino = conversion.import_quietly("openvino")
    try:
        model = conversion.to_openvino(module, size)
    except RuntimeError as error:
        raise ModelError(f"OpenVINO cannot convert this network: {error}") from error
    for key, text in metadata.items():
        model.set_rt_info(text, ["easyseg", key])
    openvino.save_model(model, str(path), compress_to_fp16=False)


def _difference(module: nn.Module, path: Path, shape: tuple[int, ...]) -> float:
    """Compares the written network with torch's on random pictures of one shape."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(shape[0], 3, *shape[1:], generator=generator)
    with torch.inference_mode():
        wanted = module(x).numpy()
    given = _answer(path, x.numpy())
    if given.shape != wanted.shape:
        raise ModelError(
            f"the written network's answer has the shape {given.shape} and torch's {wanted.shape} "
            f"for pictures of shape {tuple(x.shape)}: nothing was kept"
        )
    return float(np.abs(given - wanted).max() / max(float(np.abs(wanted).max()), 1e-9))


def _answer(path: Path, x: AnyArray) -> AnyArray:
    if path.suffix == ".xml":
        openvino = conversion.import_quietly("openvino")
        exact = {"INFERENCE_PRECISION_HINT": "f32"}
        compiled = openvino.Core().compile_model(str(path), "CPU", exact)
        return np.array(compiled(x)[0])
    onnxruntime = conversion.import_quietly("onnxruntime")
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return np.array(session.run(None, {conversion.INPUT: x})[0])
