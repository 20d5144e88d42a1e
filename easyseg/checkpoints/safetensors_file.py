"""Files in the safetensors format: https://huggingface.co/docs/safetensors."""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from easyseg.errors import ModelError

HEADER_START = b"{"
"""The ninth byte of every safetensors file."""


def read(file: Path) -> dict[str, torch.Tensor]:
    """Maps a safetensors file into memory.

    Args:
        file: An existing file.

    Returns:
        Names and tensors as stored, which are views of the file's bytes (private to this process:
        writing to them does not change the file).

    Raises:
        ModelError: If it is not a safetensors file, is truncated, its header lies, or torch lacks
            the type of a tensor.
    """
    try:
        return load_file(file)
    # The last two: where this torch is older than a type that the header names.
    except (SafetensorError, OSError, ValueError, RuntimeError, AttributeError) as error:
        raise ModelError(
            f"the checkpoint {str(file)!r} is not a safetensors file, or a damaged one: {error}. "
            "Fetch or save it again"
        ) from error
