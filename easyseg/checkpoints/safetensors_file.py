"""Files in the safetensors format.

Eight bytes with the length of the header (little-endian), the header as JSON, and the tensors' raw
bytes: https://huggingface.co/docs/safetensors. Nothing that the header says is believed before it
has been held against the size of the file.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, TypeGuard

import torch

from easyseg.errors import ModelError

HEADER_START = b"{"
"""The ninth byte of every safetensors file."""

LENGTH_BYTES = 8
MAX_HEADER_BYTES = 100_000_000
METADATA = "__metadata__"

DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}


class Entry(NamedTuple):
    """What the header says of a tensor: where its bytes are, counted from the header's end."""

    first: int
    last: int
    dtype: torch.dtype
    shape: list[int]


def read(file: Path) -> dict[str, torch.Tensor]:
    """Maps a safetensors file into memory.

    Args:
        file: An existing file.

    Returns:
        Names and tensors as stored, which are views of the file's bytes (private to this process:
        writing to them does not change the file).

    Raises:
        ModelError: If it is not a safetensors file, is truncated, or its header lies.
    """
    try:
        size = file.stat().st_size
        with file.open("rb") as opened:
            length = int.from_bytes(opened.read(LENGTH_BYTES), "little")
            if size <= LENGTH_BYTES or length > min(size - LENGTH_BYTES, MAX_HEADER_BYTES):
                raise ValueError(f"a header of {length} bytes does not fit into {size}")
            header = opened.read(length)
        start = LENGTH_BYTES + length
        entries = _entries(header)
        _check_coverage(entries, size - start)
        content = torch.from_file(str(file), shared=False, size=size, dtype=torch.uint8)
    except (OSError, ValueError, RuntimeError) as error:
        raise ModelError(
            f"the checkpoint {str(file)!r} is not a safetensors file, or a damaged one: {error}. "
            "Fetch or save it again"
        ) from error
    return {name: _tensor(content[start:], entry) for name, entry in entries.items()}


def _entries(header: bytes) -> dict[str, Entry]:
    """Parses the header; raises ValueError where it makes no sense (RecursionError as well)."""
    content = json.loads(header)
    if not isinstance(content, dict):
        raise ValueError("its header is no JSON object")
    return {name: _entry(name, said) for name, said in content.items() if name != METADATA}


def _entry(name: str, said: object) -> Entry:
    if isinstance(said, dict):
        shape, offsets = said.get("shape"), said.get("data_offsets")
        dtype = DTYPES.get(str(said.get("dtype")))
        if dtype is not None and _are_counts(shape) and _are_counts(offsets) and len(offsets) == 2:
            entry = Entry(offsets[0], offsets[1], dtype, shape)
            if entry.last - entry.first == math.prod(shape) * dtype.itemsize:
                return entry
    raise ValueError(f"what its header says of {name!r} makes no sense: {said}")


def _are_counts(values: object) -> TypeGuard[list[int]]:
    return isinstance(values, list) and all(type(value) is int and value >= 0 for value in values)


def _check_coverage(entries: Mapping[str, Entry], size: int) -> None:
    """Raises unless the tensors cover all bytes behind the header, each of them once."""
    end = 0
    for first, last in sorted((entry.first, entry.last) for entry in entries.values()):
        if first != end:
            raise ValueError(f"its tensors leave a gap or overlap at byte {end}")
        end = last
    if end != size:
        raise ValueError(f"its tensors take {end} bytes, and {size} are there")


def _tensor(data: torch.Tensor, entry: Entry) -> torch.Tensor:
    values = data[entry.first : entry.last]
    if values.storage_offset() % entry.dtype.itemsize:
        values = values.clone()
    return values.view(entry.dtype).reshape(entry.shape)
