"""Tar archives of photographs and masks, read in place without unpacking."""

import tarfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from easyseg._types import Image, LabelMap
from easyseg.datasets.base import Dataset, Item, unique_names
from easyseg.datasets.folders import reduce_zero
from easyseg.errors import InputError
from easyseg.labels import LabelSet
from easyseg.pictures.image import IMAGE_EXTENSIONS, read
from easyseg.pictures.masks import MASK_EXTENSIONS, read_labels


class Member(NamedTuple):
    """Where a file lies in an archive.

    Attributes:
        archive: The tar file.
        path: Name of the file in it.
        offset: Of its first byte.
        size: In bytes.
    """

    archive: Path
    path: str
    offset: int
    size: int

    @property
    def name(self) -> str:
        """File name without folder and extension."""
        return PurePosixPath(self.path).stem


def open_archives(
    archives: Sequence[Path], label_set: LabelSet | None, *, reduce_zero_label: bool = False
) -> Dataset:
    """Opens tar files that hold `images/NAME.*` and `masks/NAME.png`, at whatever depth.

    Args:
        archives: Uncompressed tar files; their contents are joined.
        label_set: The classes, or None where they are not known.
        reduce_zero_label: Whether the masks count their classes from 1, and 0 is void.

    Returns:
        The photographs, sorted by name.

    Raises:
        InputError: If a file is no tar file or is compressed, a name occurs twice, or a photograph
            has no mask.
    """
    images, masks = members(archives, "images"), members(archives, "masks")
    missing = [name for name in images if name not in masks]
    shown = ", ".join(repr(path.name) for path in archives)
    if missing:
        raise InputError(
            f"{len(missing)} of {len(images)} photographs in {shown} have no masks/NAME.png, such "
            f"as {missing[:3]}"
        )
    items = tuple(
        Item(name, partial(read_image, image), partial(_read_ids, masks[name], reduce_zero_label))
        for name, image in images.items()
    )
    return Dataset(f"archive {shown} of images and masks", items, label_set)


def members(archives: Sequence[Path], folder: str) -> dict[str, Member]:
    """Lists the files of one folder in several archives.

    Args:
        archives: Tar files.
        folder: `images` or `masks`: name of the folder that the files lie in.

    Returns:
        Files by name without extension, sorted.

    Raises:
        InputError: If a file is no plain tar file, or two files have one name.
    """
    extensions = MASK_EXTENSIONS if folder == "masks" else IMAGE_EXTENSIONS
    found = [
        member
        for archive in archives
        for member in _index(archive)
        if PurePosixPath(member.path).parent.name == folder
        and PurePosixPath(member.path).suffix.lower() in extensions
    ]
    unique_names((member.name for member in found), f"the folder {folder!r} of the archive")
    return {member.name: member for member in sorted(found, key=lambda member: member.name)}


def read_image(member: Member) -> Image:
    """Reads a photograph, RGB uint8 (H, W, 3).

    Raises:
        MediaError: If it is damaged.
    """
    return read(_bytes(member))


def _read_ids(member: Member, reduce_zero_label: bool) -> LabelMap:
    ids = read_labels(_bytes(member), name=f"{member.archive.name}:{member.path}")
    return reduce_zero(ids) if reduce_zero_label else ids


def _index(archive: Path) -> list[Member]:
    try:
        # "r:" takes no compressed file, whose members have no place of their own.
        with tarfile.open(archive, "r:") as tar:
            return [
                Member(archive, member.name, member.offset_data, member.size)
                for member in tar
                if member.isfile()
            ]
    except (tarfile.TarError, OSError, EOFError) as error:
        raise InputError(
            f"cannot read {str(archive)!r} as a tar file without compression: {error}. Unpack a "
            "compressed one and give the folder"
        ) from error


def _bytes(member: Member) -> bytes:
    # Opened for each member: several threads read at once, and nothing is left open.
    with member.archive.open("rb") as file:
        file.seek(member.offset)
        return file.read(member.size)
