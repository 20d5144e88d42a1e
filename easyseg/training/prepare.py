"""Opens what a training needs, and checks that it fits together."""

import hashlib
import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import filelock
import torch

from easyseg import datasets, labels
from easyseg._types import PathLike, plain
from easyseg.datasets import Dataset
from easyseg.datasets.classes import from_names, read_classes
from easyseg.errors import InputError
from easyseg.labels import LabelSet
from easyseg.training.settings import Settings

HELD_OUT = 0.1
"""Share of the photographs that is kept for validation where there are none of their own."""

MOST_WORKERS = 16

Place = PathLike | Sequence[PathLike] | Dataset


@dataclass(frozen=True, eq=False)
class Material:
    """The photographs of a training.

    Attributes:
        label_set: The classes.
        labelled: To learn from.
        validation: To measure on, or None.
        unlabelled: To learn the teacher's answers from, or None.
    """

    label_set: LabelSet
    labelled: Dataset
    validation: Dataset | None = None
    unlabelled: Dataset | None = None

    def identity(self) -> dict[str, Any]:
        """Says which photographs and classes these are, in plain values that can be compared."""
        return {
            "classes": list(self.label_set.names),
            "photographs": _digest(self.labelled),
            "validation": _digest(self.validation),
            "unlabelled photographs": _digest(self.unlabelled),
        }


def open_material(
    data: Place,
    *,
    classes: PathLike | LabelSet | Sequence[str] | None = None,
    validation: Place | float | None = None,
    unlabelled: Place | None = None,
    split: str = "train",
    reduce_zero_label: bool = False,
) -> Material:
    """Opens the photographs; the arguments are those of `train`.

    Raises:
        InputError: If there are none, or their classes are not known or differ.
    """
    wanted = None if classes is None else as_label_set(classes)
    labelled = _opened(data, split, wanted, reduce_zero_label)
    label_set = wanted or labelled.label_set
    if label_set is None:
        raise InputError(
            "the names of the classes are not known: give a file with a name in each line "
            "(classes='names.txt'), or put it beside the photographs as classes.txt"
        )
    if labelled.label_set is not None and labelled.label_set.names != label_set.names:
        raise InputError(
            f"the data have the classes of {labelled.label_set.title}, and those of "
            f"{label_set.title} were asked for"
        )
    labelled = replace(labelled, label_set=label_set)
    held: Dataset | None
    validation = plain(validation)
    if isinstance(validation, (int, float)) or (validation is None and labelled.split is None):
        labelled, held = hold_out(labelled, HELD_OUT if validation is None else validation)
    else:
        place = data if validation is None else validation
        held = replace(_opened(place, "val", label_set, reduce_zero_label), label_set=label_set)
    photographs = unlabelled
    if photographs is not None and not isinstance(photographs, Dataset):
        photographs = datasets.open_images(photographs)
    return Material(label_set, labelled, held, photographs)


def hold_out(data: Dataset, share: float) -> tuple[Dataset, Dataset | None]:
    """Keeps some photographs apart, chosen by a hash of their names.

    Args:
        data: All of them.
        share: How many, 0 to less than 1.

    Returns:
        The others, and those that are kept, at least one of each; None where the share is 0.

    Raises:
        InputError: If the share is out of range, or there is only one photograph.
    """
    share = plain(share)
    if isinstance(share, bool) or not 0 <= share < 1:
        raise InputError(f"the share that is held out must be from 0 to less than 1, not {share!r}")
    if share == 0:
        return data, None
    if len(data) < 2:
        raise InputError("one photograph cannot be both learnt and held out: give validation=0")
    places = sorted(range(len(data)), key=lambda place: zlib.crc32(data.names[place].encode()))
    count = min(max(1, round(share * len(data))), len(data) - 1)
    return data.subset(sorted(places[count:])), data.subset(sorted(places[:count]))


def as_label_set(classes: PathLike | LabelSet | Sequence[str]) -> LabelSet:
    """Understands the classes that a user gives.

    Args:
        classes: A label set, the name of a known data set, a text file, or a list of names.

    Returns:
        A label set.

    Raises:
        InputError: If they are none of these.
    """
    if isinstance(classes, LabelSet):
        return classes
    if isinstance(classes, Sequence) and not isinstance(classes, (str, bytes)):
        return from_names([str(name) for name in classes])
    if isinstance(classes, str) and not Path(classes).exists():
        try:
            return labels.get(classes)
        except InputError as error:
            raise InputError(
                f"classes={classes!r} is neither a file nor a data set: {error}"
            ) from error
    return read_classes(classes)


def merge_settings(settings: Settings | None, changes: Mapping[str, Any]) -> Settings:
    """Lays single settings on top of others.

    Args:
        settings: None takes the defaults.
        changes: By name.

    Returns:
        All settings.

    Raises:
        InputError: If a name or a value is wrong.
    """
    known = [one.name for one in fields(Settings)]
    unknown = [name for name in changes if name not in known]
    if unknown:
        raise InputError(f"there is no setting {unknown[0]!r}; there are {', '.join(known)}")
    return replace(settings or Settings(), **changes)


def with_workers(settings: Settings, device: torch.device) -> Settings:
    """Decides how many threads prepare batches, where that is left open."""
    if settings.workers is not None:
        return settings
    count = 2 if device.type == "cpu" else min(os.cpu_count() or 2, MOST_WORKERS)
    return replace(settings, workers=count)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Makes a folder, and keeps other trainings from it.

    Args:
        folder: Of one training.

    Raises:
        InputError: If it cannot be made, or another training works there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(folder / "training.lock")
        lock.acquire(timeout=0)
    except filelock.Timeout as error:
        raise InputError(
            f"another training works in {str(folder)!r} right now: give another output folder"
        ) from error
    except OSError as error:
        raise InputError(f"cannot use the folder {str(folder)!r}: {error.strerror}") from error
    try:
        yield
    finally:
        lock.release()


def _opened(
    data: Place, split: str, label_set: LabelSet | None, reduce_zero_label: bool
) -> Dataset:
    if isinstance(data, Dataset):
        return data
    return datasets.open_dataset(
        data, split=split, label_set=label_set, reduce_zero_label=reduce_zero_label
    )


def _digest(data: Dataset | None) -> str | None:
    if data is None:
        return None
    names = hashlib.sha256("\n".join(data.names).encode()).hexdigest()
    return f"{len(data)} photographs, {names[:16]}"
