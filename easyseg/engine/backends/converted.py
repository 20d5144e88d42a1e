"""Keeps converted networks in the user's cache folder, so that each is converted once."""

import hashlib
import logging
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import easyseg
from easyseg import download
from easyseg.engine.backends.network import Checkpoint
from easyseg.errors import MediaError
from easyseg.files import PendingFile, make_folder, plain_name

FORMAT = 1
"""Counts the changes of what is kept; files with another number are not used."""

MOST_FILES = 16
"""How many networks are kept of each kind; the oldest go first."""

_logger = logging.getLogger("easyseg")


def path_for(checkpoint: Checkpoint, kind: str, version: str) -> Path:
    """Names the file of a converted network; it may not exist.

    The name changes with the checkpoint's content, the output stride, and the versions of easyseg
    and of what converts.

    Args:
        checkpoint: The network.
        kind: Folder, such as `"openvino"`.
        version: Of the package that converts.

    Raises:
        DownloadError: If the user has no home folder for a cache.
        OSError: If the checkpoint cannot be read.
    """
    versions = (easyseg.__version__, FORMAT, kind, version)
    facts = (download.sha256_of(checkpoint.path), checkpoint.output_stride, versions)
    digest = hashlib.sha256(repr(facts).encode()).hexdigest()
    # The name may come from the checkpoint itself.
    name = plain_name(checkpoint.weights.name)
    return download.cache_folder() / kind / f"{name}-{digest[:16]}.zip"


def read(path: Path) -> dict[str, bytes] | None:
    """Reads the parts of a converted network.

    Args:
        path: As `path_for` gave it.

    Returns:
        The parts by their names; None where there is no file, or a damaged one.
    """
    try:
        with zipfile.ZipFile(path) as archive:  # checks each part's sum
            return {name: archive.read(name) for name in archive.namelist()}
    except FileNotFoundError:
        return None
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError):
        _logger.info("%s cannot be read: it is made again", path)
        return None


def write(path: Path, parts: Mapping[str, bytes]) -> None:
    """Keeps a converted network; where the folder cannot be written, it is converted each time.

    Args:
        path: As `path_for` gave it.
        parts: By their names.
    """
    try:
        replace(path, parts)
        _forget_oldest(path.parent)
    except (OSError, MediaError) as error:
        _logger.info("%s is not kept for the next time: %s", path, error)


def replace(path: Path, parts: Mapping[str, bytes]) -> None:
    """Writes the file beside its place first, so that it is whole or not there.

    Raises:
        MediaError: If the disk refuses.
    """
    make_folder(path.parent)
    pending = PendingFile(path)

    def pack(file: BinaryIO) -> None:
        with zipfile.ZipFile(file, "w") as archive:
            for name, data in parts.items():
                archive.writestr(name, data)

    try:
        pending.fill(pack)
        pending.complete()
    finally:
        pending.discard()


def _forget_oldest(folder: Path) -> None:
    files = sorted(folder.glob("*.zip"), key=lambda file: file.stat().st_mtime, reverse=True)
    for file in files[MOST_FILES:]:
        file.unlink(missing_ok=True)
