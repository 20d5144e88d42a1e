"""Reads checkpoint files into state dicts. No pickle is ever executed."""

import os
from pathlib import Path
from typing import TypeGuard

import torch

from easyseg._types import PathLike
from easyseg.checkpoints import keras_file, safetensors_file, torch_file
from easyseg.errors import ModelError

__all__ = ["MAX_BYTES", "SUFFIXES", "WRAPPERS", "StateDict", "read", "with_counters"]

StateDict = dict[str, torch.Tensor]

WRAPPERS = ("state_dict", "model", "model_state_dict")
"""Keys under which training programs put the state dict."""

SUFFIXES = (".pt", ".pth", ".bin", ".safetensors", ".h5", ".hdf5")
"""How the names of checkpoints end; `read` itself goes by the content."""

MAX_BYTES = 2**31
"""Bytes that the tensors of a checkpoint may take in memory, unless told otherwise."""

LIMIT = "EASYSEG_MAX_MODEL_BYTES"
"""The environment variable that tells otherwise."""

DATA_PARALLEL = "module."
"""What `torch.nn.DataParallel` puts before every name."""


def read(
    path: PathLike, *, dtype: torch.dtype = torch.float32, max_bytes: int | None = None
) -> StateDict:
    """Reads a checkpoint, memory-mapped where its format allows it.

    The format is recognised from the file's first bytes, whatever its name ends with.

    Args:
        path: One of: a file that `torch.save` wrote (`.pt`, `.pth`, `.bin`), holding a state dict
            or a dict with one under `state_dict`, `model` or `model_state_dict`; a `.safetensors`
            file; a Keras 2 `.h5` file (needs h5py), whose names become `layer/weight:0` and whose
            arrays keep Keras' order of dimensions.
        dtype: What floating-point tensors become; those that are so already are not copied.
        max_bytes: Limit on what all tensors take in `dtype`, looked at before memory is taken: a
            small file may tell of huge ones. None takes the environment variable
            EASYSEG_MAX_MODEL_BYTES, and without it `MAX_BYTES`.

    Returns:
        Parameter names and tensors, on the CPU; floating-point ones in `dtype`. They may be views
        of the file: it must not be overwritten in place (replacing it is fine) while they are used.

    Raises:
        ModelError: If there is no such file, it is not a checkpoint, it is damaged, a library is
            missing, its tensors are larger than the limit, or it could only be read by executing
            code that it contains.
    """
    file = Path(os.fspath(path)).expanduser()
    if not file.is_file():
        kind = "a folder" if file.is_dir() else "not there"
        raise ModelError(
            f"the checkpoint {str(file)!r} is {kind}: give the path of a .pt, .pth, .safetensors "
            "or .h5 file"
        )
    limit = _limit() if max_bytes is None else max_bytes
    return _state_dict(_content(file, limit), file, dtype, limit)


def with_counters(state_dict: StateDict) -> StateDict:
    """Adds the counters of batches that files of torch before 0.4.1, or pruned ones, lack.

    Args:
        state_dict: A state dict.

    Returns:
        The same entries, and a zero for each batch normalisation without a counter.
    """
    complete: StateDict = {}
    for key, tensor in state_dict.items():
        complete[key] = tensor
        if key.endswith(".running_var"):
            counter = key.removesuffix("running_var") + "num_batches_tracked"
            if counter not in state_dict:
                complete[counter] = torch.zeros((), dtype=torch.int64, device="cpu")
    return complete


def _limit() -> int:
    text = os.environ.get(LIMIT, "").strip()
    if not text:
        return MAX_BYTES
    if not text.isdecimal():
        raise ModelError(f"{LIMIT} is {text!r}: set it to a number of bytes, such as {MAX_BYTES}")
    return int(text)


def _content(file: Path, max_bytes: int) -> object:
    try:
        with file.open("rb") as opened:
            head = opened.read(16)
    except OSError as error:
        raise ModelError(f"the checkpoint {str(file)!r} cannot be opened: {error}") from error
    if not head:
        raise ModelError(f"the checkpoint {str(file)!r} is empty: fetch or save it again")
    suffix = file.suffix.lower()
    if head.startswith(keras_file.MAGIC) or suffix in keras_file.SUFFIXES:
        return keras_file.read(file, max_bytes)
    is_zip = head.startswith(torch_file.ZIP_MAGIC)
    if head[8:9] == safetensors_file.HEADER_START or (suffix == ".safetensors" and not is_zip):
        return safetensors_file.read(file)
    return torch_file.read(file)


def _state_dict(content: object, file: Path, dtype: torch.dtype, max_bytes: int) -> StateDict:
    for wrapper in WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(wrapper), dict):
            content = content[wrapper]
    if not isinstance(content, dict) or not content:
        raise ModelError(f"{str(file)!r} holds a {type(content).__name__}, not a state dict")
    asked = 0
    for name, tensor in content.items():
        if not isinstance(name, str) or not _is_plain(tensor):
            raise ModelError(f"{str(file)!r} is not a state dict: {name!r} is no tensor in it")
        size = dtype.itemsize if tensor.is_floating_point() else tensor.itemsize
        asked += tensor.numel() * size
    if asked > max_bytes:
        raise ModelError(
            f"the tensors of {str(file)!r} ({file.stat().st_size:,} bytes) would take {asked:,} "
            f"bytes of memory, more than {max_bytes:,}: set {LIMIT} higher if that is right"
        )
    state_dict = {
        name: _converted(tensor.detach(), dtype, f"{name!r} in {str(file)!r}")
        for name, tensor in content.items()
    }
    if all(name.startswith(DATA_PARALLEL) for name in state_dict):
        return {name[len(DATA_PARALLEL) :]: tensor for name, tensor in state_dict.items()}
    return state_dict


def _is_plain(value: object) -> TypeGuard[torch.Tensor]:
    """Tells whether something is a tensor with a value for each of its elements in memory."""
    return (
        isinstance(value, torch.Tensor)
        and value.layout is torch.strided
        and value.device.type == "cpu"
        and not value.is_nested
        and not value.is_quantized
    )


def _converted(tensor: torch.Tensor, dtype: torch.dtype, what: str) -> torch.Tensor:
    try:
        return tensor.to(dtype) if tensor.is_floating_point() else tensor
    except RuntimeError as error:
        raise ModelError(
            f"{what} is of a type that PyTorch cannot convert, {tensor.dtype}: save it as float32 "
            "or float16"
        ) from error
