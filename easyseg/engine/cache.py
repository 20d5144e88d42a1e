"""Loads each model once per process."""

import threading
from pathlib import Path

import torch

from easyseg._types import PathLike
from easyseg.engine.segmenter import Segmenter

MAX_SEGMENTERS = 4
"""How many loaded models are kept; the one not used for longest goes first."""

_cache: dict[tuple[object, ...], Segmenter] = {}
_lock = threading.RLock()


def cached_segmenter(
    model: PathLike = "fast",
    *,
    dataset: str | None = None,
    device: str | torch.device | None = None,
    precision: str = "auto",
    backend: str = "auto",
    size: int | None = None,
    output_stride: int | None = None,
) -> Segmenter:
    """Gives a Segmenter, the same one whenever the same is asked for; safe from several threads.

    A checkpoint file that has changed is loaded again.

    Args:
        model: As for `Segmenter`.
        dataset: As for `Segmenter`.
        device: As for `Segmenter`.
        precision: As for `Segmenter`.
        backend: As for `Segmenter`.
        size: As for `Segmenter`.
        output_stride: As for `Segmenter`.

    Returns:
        A loaded Segmenter.

    Raises:
        InputError: As `Segmenter` does.
        ModelError: As `Segmenter` does.
        DownloadError: As `Segmenter` does.
    """
    key = (_identity(model), dataset, str(device), precision, backend, size, output_stride)
    with _lock:
        segmenter = _cache.pop(key, None)
        if segmenter is None:
            segmenter = Segmenter(
                model,
                dataset=dataset,
                device=device,
                precision=precision,
                backend=backend,
                size=size,
                output_stride=output_stride,
            )
        _cache[key] = segmenter
        while len(_cache) > MAX_SEGMENTERS:
            del _cache[next(iter(_cache))]
        return segmenter


def clear_cache() -> None:
    """Forgets all loaded models, so that their memory is given back."""
    with _lock:
        _cache.clear()


def _identity(model: PathLike) -> tuple[object, ...]:
    """A name stands for itself; a file also for its time and size."""
    try:
        file = Path(model).resolve()
        status = file.stat()
    except (OSError, TypeError, ValueError):
        return (str(model),)
    return (str(file), status.st_mtime_ns, status.st_size)
