"""Reads the names of classes from a text file."""

import re
from pathlib import Path

import numpy as np

from easyseg._types import PathLike
from easyseg.errors import InputError
from easyseg.labels import LabelSet

BACKGROUND_NAMES = ("background", "_background_")
"""Names of the class that stands for "nothing", as labelling programs write it."""

_LINE = re.compile(r"(?P<name>.*?)(?:\s+#(?P<color>[0-9a-fA-F]{6}))?")


def read_classes(path: PathLike) -> LabelSet:
    """Reads a file with the name of a class in each line; the first one has the id 0.

    A line may end in a colour, `person #c08080`. Empty lines at the end are left out. A class named
    `background` is taken for the label set's background.

    Args:
        path: A text file, UTF-8.

    Returns:
        A label set named after the file, or after its folder where the file is only `classes.txt`
        or `names.txt`.

    Raises:
        InputError: If the file cannot be read, or the names are empty or repeat.
    """
    file = Path(path).expanduser()
    try:
        lines = file.read_text("utf-8-sig").rstrip().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"cannot read the class names {str(file)!r}: {error}. Give a text file with a name in "
            "each line"
        ) from error
    if not lines:
        raise InputError(f"{str(file)!r} is empty: it must hold the name of a class in each line")
    rows = [_LINE.fullmatch(line.strip()) for line in lines]
    names = [" ".join(row["name"].split()) if row else "" for row in rows]
    label_set = from_names(names, name=_set_name(file))
    palette = label_set.palette.copy()
    for class_id, row in enumerate(rows):
        if row and row["color"]:
            palette[class_id] = np.frombuffer(bytes.fromhex(row["color"]), np.uint8)
    return LabelSet.from_names(
        label_set.name, names, palette.tolist(), background=label_set.background
    )


def from_names(names: list[str], name: str = "custom") -> LabelSet:
    """Makes a label set of names; one called `background` is its background.

    Args:
        names: Name of each class, in the order of the ids.
        name: Name of the set.

    Returns:
        A label set with a colour for each class.

    Raises:
        InputError: If the names are empty or repeat.
    """
    background = next((i for i, one in enumerate(names) if one.lower() in BACKGROUND_NAMES), None)
    return LabelSet.from_names(name, names, background=background)


def _set_name(file: Path) -> str:
    name = file.resolve().parent.name if file.stem in ("classes", "names") else file.stem
    return " ".join(re.findall(r"\w[\w.-]*", name)) or "custom"
