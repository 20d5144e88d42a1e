"""Which videos of several are finished, for the same command to pass them over when it goes on."""

import contextlib
import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from easyseg.pipeline import Job


class Finished:
    """A list of targets that are finished, and of what; in a hidden file beside them.

    It is there only while some of the videos are not finished. A single video needs none.

    Args:
        targets: The targets of all the videos.
        job: What is done to each.
        model: Name of the model.
    """

    def __init__(self, targets: Sequence[str], job: "Job", model: str) -> None:
        self._wanted = job.resume and len(targets) > 1
        # One for each set of targets: other commands may write into the same folder.
        name = hashlib.sha256(os.fsencode("\0".join(sorted(targets)))).hexdigest()[:16]
        self._path = Path(targets[0]).parent / f".easyseg-{name}.finished"
        self._job = {"model": model, **job.identity}
        self._known: dict[str, object] = {}
        if self._wanted:
            # Damaged, or not there: then all are done again.
            with contextlib.suppress(OSError, ValueError, TypeError):
                self._known = dict(json.loads(self._path.read_text("utf-8")))

    def holds(self, source: str, target: str) -> bool:
        """Tells whether a target is finished: of this source as it is now, by the same job."""
        if target not in self._known or not Path(target).exists():
            return False
        return self._known[target] == self._facts(source)

    def add(self, source: str, target: str) -> None:
        """Notes that a target is finished.

        Raises:
            MediaError: If that cannot be written.
        """
        if self._wanted:
            from easyseg.files import replace_file

            self._known[target] = self._facts(source)
            replace_file(self._path, json.dumps(self._known).encode())

    def forget(self) -> None:
        """Removes the list: all are finished."""
        if self._wanted:
            self._path.unlink(missing_ok=True)

    def _facts(self, source: str) -> object:
        from easyseg.pipeline import identify

        return json.loads(json.dumps({"source": identify(source), **self._job}))
