"""HDF5 files that Keras 2 wrote with `save_weights` or `model.save`.

Reading them needs h5py, which the extra `keras` installs.
"""

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from easyseg.errors import ModelError

MAGIC = b"\x89HDF\r\n\x1a\n"
SUFFIXES = (".h5", ".hdf5", ".keras")

WHOLE_MODEL = "model_weights"
"""The group with the weights, in files of `model.save`."""


def read(file: Path, max_bytes: int) -> dict[str, torch.Tensor]:
    """Reads the weights in a Keras file.

    Args:
        file: An existing file.
        max_bytes: Limit on what all arrays take: one of them may stand under many names.

    Returns:
        Arrays by `layer/weight:0`, in the order of the file, their dimensions in Keras' order:
        kernels are (height, width, in, out), depthwise ones (height, width, channels, multiplier).
        The layer is the one the file lists; a scope that a Keras session put between the two is
        left out.

    Raises:
        ModelError: If h5py is missing, or the file is no Keras 2 weights file or is damaged.
    """
    h5py = _h5py(file)
    try:
        with h5py.File(file, "r") as opened:
            return _weights(h5py, opened.get(WHOLE_MODEL, opened), file, max_bytes)
    except (OSError, RuntimeError, LookupError, ValueError, TypeError, AttributeError) as error:
        raise ModelError(
            f"the checkpoint {str(file)!r} cannot be read as a Keras .h5 file, it seems to be "
            f"damaged or incomplete ({file.stat().st_size} bytes), or was written by Keras 3 "
            f"(save it as model.save_weights('name.h5') with Keras 2): {error}"
        ) from error


def _h5py(file: Path) -> ModuleType:
    try:
        return importlib.import_module("h5py")
    except ImportError as error:
        raise ModelError(
            f"the checkpoint {str(file)!r} is a Keras file, and reading those needs h5py: "
            "pip install h5py"
        ) from error


def _weights(h5py: ModuleType, group: Any, file: Path, max_bytes: int) -> dict[str, torch.Tensor]:
    weights: dict[str, torch.Tensor] = {}
    size, asked = file.stat().st_size, 0
    for layer in _names(group, "layer_names"):
        for name in _names(group[layer], "weight_names"):
            key = f"{layer}/{name.rsplit('/', 1)[-1]}"
            dataset = group[layer][name]
            if not isinstance(dataset, h5py.Dataset) or dataset.nbytes > size or key in weights:
                raise ValueError(f"{layer}/{name} is no array, is twice there, or is too large")
            asked += dataset.nbytes
            if asked > max_bytes:
                raise ValueError(f"its arrays take more than {max_bytes:,} bytes of memory")
            weights[key] = _tensor(dataset[()])
    return weights


def _names(group: Any, attribute: str) -> Iterator[str]:
    """Yields the names in an attribute; Keras splits long lists: `attribute0`, `attribute1`..."""
    parts = [group.attrs[attribute]] if attribute in group.attrs else []
    while f"{attribute}{len(parts)}" in group.attrs:
        parts.append(group.attrs[f"{attribute}{len(parts)}"])
    if not parts:
        raise KeyError(f"{group.name} has no attribute {attribute!r}")
    for part in parts:
        for name in part:
            yield name.decode("utf-8") if isinstance(name, bytes) else str(name)


def _tensor(array: Any) -> torch.Tensor:
    is_float = np.issubdtype(array.dtype, np.floating)
    return torch.from_numpy(np.array(array, dtype=np.float32 if is_float else np.int64))
