"""What is known of a published file."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from easyseg.errors import InputError

SHA256_DIGITS = 64


@dataclass(frozen=True)
class RemoteFile:
    """A file that is published somewhere, and the name it is kept under here.

    Attributes:
        name: Name of the file in the cache, and on a mirror: the name of the weights and the
            extension of the published file, `pspnet_resnet50.voc.pth`.
        urls: http(s) addresses, in the order in which they are tried.
        sha256: All 64 hexadecimal digits of its hash, or the leading ones where only those are
            published; empty where nothing is known.
        size: In bytes, exact; 0 where it is not known.
        check: Where no hash is published: says of a file, in a few words, what is wrong with its
            content, nothing where it is right. None where there is no way to tell.

    Raises:
        InputError: If one of them cannot be.
    """

    name: str
    urls: tuple[str, ...]
    sha256: str = ""
    size: int = 0
    check: Callable[[Path], str] | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"\w[\w.+-]*", self.name):
            raise InputError(f"a file in the cache has a plain name, not {self.name!r}")
        if not re.fullmatch(rf"[0-9a-f]{{0,{SHA256_DIGITS}}}", self.sha256):
            raise InputError(
                f"sha256 of {self.name} must be up to {SHA256_DIGITS} hexadecimal digits in lower "
                f"case, not {self.sha256!r}"
            )
        if self.size < 0:
            raise InputError(f"size of {self.name} must be a number of bytes, not {self.size}")

    @property
    def title(self) -> str:
        """The name without the extension: what `easyseg download` takes."""
        return self.name.rpartition(".")[0] or self.name
