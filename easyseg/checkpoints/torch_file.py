"""Files that `torch.save` wrote."""

import pickle
import struct
from pathlib import Path

import torch

from easyseg.errors import ModelError

ZIP_MAGIC = b"PK\x03\x04"

# What torch and the unpickler raise on damaged files; warnings, where those are turned into errors.
DAMAGE = (
    Warning,
    RuntimeError,
    EOFError,
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    OverflowError,
    MemoryError,
    ImportError,
    struct.error,
)


def read(file: Path) -> object:
    """Reads a file of `torch.save` without executing any of it.

    Args:
        file: An existing file, in the zip format (memory-mapped) or in the older one.

    Returns:
        Whatever was saved, its tensors on the CPU.

    Raises:
        ModelError: If it is no such file, is damaged, or holds more than tensors and plain data.
    """
    is_zip = False
    try:
        with file.open("rb") as opened:
            is_zip = opened.read(len(ZIP_MAGIC)) == ZIP_MAGIC
            opened.seek(0)
            # torch can map a file only by its name, and judges by the name whether it is its own.
            mapped = is_zip and file.suffix.lower() != ".safetensors"
            source = file if mapped else opened
            return torch.load(source, map_location="cpu", weights_only=True, mmap=mapped)
    except pickle.UnpicklingError as error:
        raise ModelError(_refusal(file, is_zip)) from error
    except DAMAGE as error:
        raise ModelError(
            f"the checkpoint {str(file)!r} cannot be read, it seems to be damaged or incomplete "
            f"({file.stat().st_size} bytes): {error}"
        ) from error


def _refusal(file: Path, is_zip: bool) -> str:
    if is_zip:
        return (
            f"the checkpoint {str(file)!r} is damaged, or it holds more than tensors and would have"
            " to execute code to be read, which easyseg never does: where you trust it, save only "
            "its state dict (torch.save(model.state_dict(), path))"
        )
    return (
        f"{str(file)!r} is not a PyTorch checkpoint (or a damaged one): give a file that "
        "torch.save(model.state_dict(), path) wrote"
    )
