"""The network, and the folder that keeps what came over it."""

from easyseg.download.environment import cache_folder, is_offline, mirror, weights_folder
from easyseg.download.fetching import PATIENCE, Patience, fetch
from easyseg.download.files import (
    CachedFile,
    adopt,
    is_cached,
    listing,
    path_of,
    problem,
    remove,
    sha256_of,
    verified,
)
from easyseg.download.remote import RemoteFile
from easyseg.download.web import LIMIT, TIMEOUT, UnreachableError, read_url

__all__ = [
    "LIMIT",
    "PATIENCE",
    "TIMEOUT",
    "CachedFile",
    "Patience",
    "RemoteFile",
    "UnreachableError",
    "adopt",
    "cache_folder",
    "fetch",
    "is_cached",
    "is_offline",
    "listing",
    "mirror",
    "path_of",
    "problem",
    "read_url",
    "remove",
    "sha256_of",
    "verified",
    "weights_folder",
]
