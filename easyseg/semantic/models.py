"""From what PixelLib's users give for a model to the network."""

from pathlib import Path

from easyseg._types import PathLike
from easyseg.engine import Segmenter, cached_segmenter
from easyseg.errors import ModelError
from easyseg.options import DatasetName

_FROZEN_GRAPH = ".pb"
_KERAS = (".h5", ".hdf5", ".keras")


def load_model(dataset: DatasetName, model: PathLike | None) -> Segmenter:
    """Loads a model at once, so that what is wrong with it is said early.

    Args:
        dataset: `"voc"` or `"ade20k"`.
        model: A path, a name or a tier; None is the default.

    Returns:
        The network.

    Raises:
        InputError: If there is no such model, or it knows other classes.
        ModelError: If the file is missing, damaged or of no known kind.
    """
    name = str(model).lower()
    if model is None:
        return cached_segmenter(dataset=dataset)
    if name.endswith(_FROZEN_GRAPH):
        raise ModelError(
            f"{str(model)!r} is a frozen TensorFlow graph, which easyseg does not read: leave "
            "the path out to take easyseg's own weights"
        )
    # PixelLib's files lie in the current folder, mostly: a path, although a bare name.
    path = Path(model) if name.endswith(_KERAS) else model
    return cached_segmenter(path, dataset=dataset)
