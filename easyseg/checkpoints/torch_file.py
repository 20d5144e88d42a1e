"""Files that `torch.save` wrote."""

import mmap
import pickle
import struct
import zipfile
from pathlib import Path
from typing import BinaryIO

import torch

from easyseg.errors import ModelError

ZIP_MAGIC = b"PK\x03\x04"

_TAKES_MEMORY = b"\nbytearray\n"
"""The one thing that torch lets a file call and that fills memory for a mere number."""

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
    zipfile.BadZipFile,
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
            _check_size(opened, is_zip)
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


def _check_size(opened: BinaryIO, is_zip: bool) -> None:
    """Raises unless what comes out of a file is no more than what is in it, tensors aside."""
    if not is_zip:
        with mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
            if content.find(_TAKES_MEMORY) >= 0:
                raise pickle.UnpicklingError("it asks for a bytearray")
        return
    with zipfile.ZipFile(opened) as archive:
        for entry in archive.infolist():
            if entry.compress_type != zipfile.ZIP_STORED:
                raise ValueError(f"{entry.filename} is compressed, as torch.save leaves nothing")
            if entry.filename.endswith("data.pkl") and _TAKES_MEMORY in archive.read(entry):
                raise pickle.UnpicklingError("it asks for a bytearray")
    opened.seek(0)


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
