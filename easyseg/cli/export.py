"""Writes a model's network for other programs: ONNX, or OpenVINO's own format."""

import argparse

from easyseg.cli.flags import add_flags
from easyseg.options import DatasetOptions, StrideOptions

_EPILOG = """\
The network alone is written, from normalised pictures (1, 3, height, width) to logits; the file's
metadata say how to normalise, and name the classes. Its answer is compared with PyTorch's first.

ONNX needs: pip install onnx onnxscript onnxruntime; OpenVINO: pip install openvino"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.epilog = _EPILOG
    add = parser.add_argument
    add(
        "model", metavar="MODEL",
        help="a model or tier (see easyseg models), or the path of a checkpoint",
    )  # fmt: skip
    add("output", metavar="OUT", help="ends in .onnx, or in .xml for OpenVINO")
    add(
        "--size", metavar="HxW", type=_size,
        help="height and width of the input, such as 512x512 (default: the model's own)",
    )  # fmt: skip
    add_flags(parser, DatasetOptions, StrideOptions)
    add(
        "--dynamic", action="store_true",
        help="leave the number and the size of the pictures free; ONNX only, takes minutes",
    )  # fmt: skip


def run(options: argparse.Namespace) -> int:
    """Writes the network.

    Returns:
        0.

    Raises:
        InputError: If an option is wrong.
        ModelError: If the model cannot be loaded, a package is missing, or the answers differ.
    """
    from easyseg.engine.exporting import export

    result = export(
        options.model,
        options.output,
        dataset=options.dataset,
        size=options.size,
        output_stride=options.output_stride,
        dynamic=options.dynamic,
    )
    height, width = result.size
    sizes = "any size" if result.dynamic else f"{height}x{width}"
    print(f"{result.path}  {sizes}, differs from PyTorch by at most {result.difference:.1e}")
    return 0


def _size(text: str) -> tuple[int, int]:
    """Reads `512x768`, or `512` for a square."""
    words = text.lower().split("x")
    if not 1 <= len(words) <= 2 or not all(word.isdecimal() for word in words):
        raise argparse.ArgumentTypeError(f"expected a size such as 512x768, got {text!r}")
    return int(words[0]), int(words[-1])
