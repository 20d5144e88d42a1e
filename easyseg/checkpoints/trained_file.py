"""The file that training leaves: the tensors, and all that a prediction needs to know besides.

A dict of plain values and tensors, which `torch.load(path, weights_only=True)` reads.
"""

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from easyseg import labels, registry
from easyseg._types import PathLike
from easyseg.checkpoints import StateDict, torch_file
from easyseg.errors import InputError, MediaError, ModelError
from easyseg.files import PendingFile
from easyseg.labels import LabelSet
from easyseg.registry import Weights
from easyseg.transforms import Preprocess

FORMAT = 1
"""Version of the layout; a newer one is refused."""

KEYS = ("easyseg_format", "architecture", "classes", "palette", "preprocess", "state_dict")


@dataclass(frozen=True, eq=False)
class TrainedFile:
    """What a trained file says about itself.

    Attributes:
        architecture: Name of the record whose network it is.
        label_set: Its classes.
        preprocess: From a picture to the network's input, and the way back.
        metrics: What was measured at the end of the training, by name, in percent.
    """

    architecture: str
    label_set: LabelSet
    preprocess: Preprocess
    metrics: Mapping[str, float] = field(default_factory=dict)

    @property
    def weights(self) -> Weights:
        """A record for this file, from that of its architecture; it is not registered.

        `label_set` is the LabelSet itself here, which `labels.get` takes like a name.
        """
        record = registry.get(self.architecture)
        changes: dict[str, Any] = {
            "name": f"{record.name.split('.')[0]}.{self.label_set.name}",
            "num_classes": len(self.label_set),
            "label_set": self.label_set,
            "preprocess": self.preprocess,
            "metrics": dict(self.metrics),
            "measured_on": "the validation photographs of its training",
            "licence": "that of its training data and of the weights it began with",
            "source": "trained with easyseg",
            "sha256": "",
            "size": 0,
            "file": None,
            "urls": (),
            "rename": None,
            "first_class": 0,
            "tiers": (),
            "notice": None,
        }
        return replace(record, **changes)


def write(path: PathLike, trained: TrainedFile, state_dict: StateDict, *, half: bool) -> Path:
    """Writes a trained file; one that was there before is replaced at once, or left as it is.

    Args:
        path: Where to.
        trained: What the file is to say about itself.
        state_dict: Tensors with the names of the architecture's module.
        half: Whether to store the numbers as float16, which halves the file.

    Returns:
        The path.

    Raises:
        OSError: If it cannot be written.
    """
    stored = {
        key: tensor.detach().cpu().to(torch.float16)
        if half and tensor.is_floating_point()
        else tensor.detach().cpu().clone()
        for key, tensor in state_dict.items()
    }
    label_set = trained.label_set
    content = {
        "easyseg_format": FORMAT,
        "architecture": trained.architecture,
        "label_set": label_set.name,
        "title": label_set.title,
        "classes": list(label_set.names),
        "palette": label_set.palette.tolist(),
        "background": label_set.background,
        "preprocess": asdict(trained.preprocess),
        "metrics": {name: float(value) for name, value in trained.metrics.items()},
        "state_dict": stored,
    }
    return save_whole(content, Path(path))


def read(path: PathLike) -> TrainedFile | None:
    """Reads what a trained file says about itself; its tensors are read by `checkpoints.read`.

    Args:
        path: Any checkpoint file.

    Returns:
        None where the file is another kind of checkpoint.

    Raises:
        ModelError: If the file is damaged, or of a newer version of easyseg.
    """
    file = Path(os.fspath(path)).expanduser()
    if not file.is_file() or not _is_torch_zip(file):
        return None
    content = torch_file.read(file)
    if not isinstance(content, dict) or "easyseg_format" not in content:
        return None
    missing = [key for key in KEYS if key not in content]
    if missing or content["easyseg_format"] != FORMAT:
        raise ModelError(
            f"{str(file)!r} was written by another version of easyseg (format "
            f"{content['easyseg_format']!r}, missing {missing}): update easyseg"
        )
    try:
        trained = TrainedFile(
            architecture=str(content["architecture"]),
            label_set=_label_set(content),
            preprocess=Preprocess(**content["preprocess"]),
            metrics=dict(content.get("metrics", {})),
        )
        registry.get(trained.architecture)
    except (InputError, TypeError, ValueError) as error:
        raise ModelError(
            f"what {str(file)!r} says about itself is damaged, or of a newer easyseg: {error}"
        ) from error
    return trained


def save_whole(content: object, path: Path) -> Path:
    """Saves with `torch.save`, so that at any moment the file is the old one or the new one.

    Args:
        content: Tensors and plain values.
        path: Where to.

    Returns:
        The path.

    Raises:
        OSError: If it cannot be written; the old file is untouched then.
    """
    pending = PendingFile(path, durable=True)
    try:
        pending.fill(lambda file: torch.save(content, file))
        pending.complete()
    except MediaError as error:  # a model is no picture
        raise error.__cause__ or error from None
    finally:
        pending.discard()
    return path


def _is_torch_zip(file: Path) -> bool:
    with file.open("rb") as opened:
        return opened.read(4) == torch_file.ZIP_MAGIC


def _label_set(content: Mapping[str, Any]) -> LabelSet:
    """The known label set where it is one, because that has synonyms; else a new one."""
    name, names = str(content["label_set"]), tuple(content["classes"])
    try:
        known = labels.get(name)
    except InputError:
        known = None
    if known is not None and known.names == names:
        return known
    return LabelSet.from_names(
        name,
        names,
        content["palette"],
        title=content.get("title"),
        background=content.get("background"),
    )
