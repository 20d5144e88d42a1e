"""Loads each model once per process."""

import threading
from pathlib import Path

from typing_extensions import Unpack

from easyseg._types import PathLike, plain
from easyseg.engine.segmenter import Segmenter
from easyseg.options import NetworkOptions, documented

MAX_SEGMENTERS = 4
"""How many loaded models are kept; the one not used for longest goes first."""

_cache: dict[tuple[object, ...], Segmenter] = {}
_lock = threading.RLock()


@documented()
def cached_segmenter(model: PathLike = "fast", **options: Unpack[NetworkOptions]) -> Segmenter:
    """Gives a Segmenter, the same one whenever the same is asked for; safe from several threads.

    A checkpoint file that has changed is loaded again.

    Args:
        model: As for `Segmenter`, like the options.

    Returns:
        A loaded Segmenter.

    Raises:
        InputError: As `Segmenter` does.
        ModelError: As `Segmenter` does.
        DownloadError: As `Segmenter` does.
    """
    for name in ("size", "output_stride"):
        options[name] = plain(options[name])
    facts = {**options, "device": str(options["device"])}
    key = (_identity(model), *(facts[name] for name in sorted(facts)))
    with _lock:
        segmenter = _cache.pop(key, None)
        if segmenter is None:
            segmenter = Segmenter(model, **options)
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
