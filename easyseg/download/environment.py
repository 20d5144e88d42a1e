"""What the environment variables say: where downloads are kept and looked for, and whether."""

import os
import sys
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from easyseg.errors import DownloadError


def is_offline() -> bool:
    """Tells whether the network is switched off by the environment variable EASYSEG_OFFLINE.

    Returns:
        False where it is unset, empty, "0", "false", "no" or "off", in any case; else True.
    """
    setting = os.environ.get("EASYSEG_OFFLINE", "").strip().lower()
    return setting not in {"", "0", "false", "no", "off"}


def mirror() -> str | Path | None:
    """Tells what EASYSEG_MIRROR names: the place where files are looked for first.

    It holds the files under their names in the cache, as a copy of somebody's folder
    `weights_folder()` does.

    Returns:
        An http(s) address, a local folder (given as a path or as a `file:` address), or None where
        the variable is unset.

    Raises:
        DownloadError: If it is none of these.
    """
    chosen = os.environ.get("EASYSEG_MIRROR", "").strip()
    if not chosen:
        return None
    try:
        if "://" not in chosen:
            return Path(chosen).expanduser().absolute()
        parts = urlsplit(chosen)
        if parts.scheme == "file":
            return Path(url2pathname(parts.path))
        if parts.scheme in {"http", "https"} and parts.hostname:
            return chosen
    except (ValueError, RuntimeError):  # as in http://[, and in ~/weights where nobody is at home
        pass
    raise DownloadError(
        f"EASYSEG_MIRROR is {chosen!r}: set it to an address such as https://example.org/weights, "
        "or to a folder"
    )


def weights_folder() -> Path:
    """Names the folder, in `cache_folder()`, for downloaded weights.

    Raises:
        DownloadError: If the user has no home folder to put it in.
    """
    return cache_folder() / "weights"


def cache_folder() -> Path:
    """Names the folder for downloaded files; it may not exist, and is not made here.

    Returns:
        The folder that the environment variable EASYSEG_HOME names. Without it, `easyseg` in the
        platform's folder for caches: `$XDG_CACHE_HOME` or `~/.cache` on Linux, `~/Library/Caches`
        on macOS, `%LOCALAPPDATA%` on Windows.

    Raises:
        DownloadError: If the user has no home folder to put it in.
    """
    chosen = os.environ.get("EASYSEG_HOME", "").strip()
    try:
        return Path(chosen).expanduser().absolute() if chosen else _platform_caches() / "easyseg"
    except RuntimeError as error:  # pathlib finds no home
        raise DownloadError(
            "no home folder is known for this user: set the environment variable EASYSEG_HOME to "
            "the folder that downloads are to be kept in"
        ) from error


def _platform_caches() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA", "")
        return Path(local) if local else Path.home() / "AppData" / "Local"
    chosen = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG specification: a relative path is invalid, and to be ignored.
    return Path(chosen) if Path(chosen).is_absolute() else Path.home() / ".cache"
