"""A download that is not finished."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Origin:
    """Where the bytes of an unfinished download come from.

    Attributes:
        source: Address, without user name and password, or path.
        validator: What the server knows this state of the file by: its ETag or its time; empty
            where it tells none.
        total: Bytes of the whole file; 0 where the server does not tell.
    """

    source: str
    validator: str = ""
    total: int = 0


class Part:
    """The bytes of a file that have come so far, and where they came from.

    Args:
        target: The file that this is to become.

    Attributes:
        path: The unfinished file beside it.
    """

    def __init__(self, target: Path) -> None:
        self.path = target.with_name(f"{target.name}.part")
        self._facts = target.with_name(f"{target.name}.part.json")

    @property
    def size(self) -> int:
        """Number of bytes that are there."""
        return self.path.stat().st_size if self.path.is_file() else 0

    @property
    def origin(self) -> Origin | None:
        """Where they came from; None where it is not known."""
        try:
            origin = Origin(**json.loads(self._facts.read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            return None
        return origin if isinstance(origin.total, int) else None

    def restart(self, origin: Origin) -> None:
        """Empties the file, and notes where the next bytes come from.

        Raises:
            OSError: If the disk refuses.
        """
        # In this order: a process that dies between the two leaves nothing to go on from.
        self.path.write_bytes(b"")
        self._facts.write_text(json.dumps(asdict(origin)), "utf-8")

    def discard(self) -> None:
        """Deletes what is left of it.

        Raises:
            OSError: If the disk refuses.
        """
        self.path.unlink(missing_ok=True)
        self._facts.unlink(missing_ok=True)
