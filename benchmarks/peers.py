"""Other libraries at the same work; those that need a Python of their own run in a process of it.

Such a process waits for a line, does the work once, and answers with a line, so that it takes turns
with the ways of this process.
"""

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import Way
from benchmarks.serving import READY
from easyseg.labels import ADE20K
from easyseg.pictures import image as media

HERE = Path(__file__).resolve().parent


class PeerError(Exception):
    """A peer that does not run here; says why."""


class Peer:
    """Another library in a process of its own Python.

    Args:
        python: That Python.
        script: A script of this folder.
        arguments: What the script is given.

    Raises:
        PeerError: If it does not start.
    """

    def __init__(self, python: Path, script: str, *arguments: str | Path) -> None:
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - as long as the process
        self._process = subprocess.Popen(
            [python, HERE / script, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""},
        )
        try:
            self.versions: dict[str, Any] = json.loads(self._answer())
        except PeerError:
            self.close()
            raise

    def __call__(self) -> float:
        """Does the work once; gives the seconds that the processor worked for it."""
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        return float(self._answer())

    def _answer(self) -> str:
        # The libraries themselves print, too.
        for line in self._process.stdout:
            if line.startswith(READY):
                return line.removeprefix(READY)
        self._process.wait()
        self._errors.seek(0)
        last = self._errors.read().strip().splitlines()[-1:]
        raise PeerError(" ".join(last) or f"it ended with {self._process.returncode}")

    def close(self) -> None:
        """Ends the process."""
        self._process.stdin.close()
        self._process.wait(timeout=30)
        self._process.stdout.close()
        self._errors.close()


@contextmanager
def peer(python: Path | None, script: str, *arguments: str | Path) -> Iterator[Peer]:
    """Opens a peer for a while; raises PeerError where there is none."""
    if python is None:
        raise PeerError("no Python that has it was given")
    one = Peer(python, script, *arguments)
    try:
        yield one
    finally:
        one.close()


def transformers_pipeline(photo: Path, target: Path) -> tuple[Way, Any, str]:
    """Transformers' pipeline("image-segmentation"), SegFormer-B0, random weights, overlay drawn.

    Returns:
        The work, the network, and the version.

    Raises:
        PeerError: If transformers is not installed.
    """
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    try:
        import transformers
        from transformers import (
            SegformerConfig,
            SegformerForSemanticSegmentation,
            SegformerImageProcessorPil,
            pipeline,
        )
    except ImportError as error:
        raise PeerError(f"transformers cannot be imported: {error}") from error
    network = SegformerForSemanticSegmentation(SegformerConfig(num_labels=len(ADE20K))).eval()
    segment = pipeline(
        "image-segmentation",
        model=network,
        image_processor=SegformerImageProcessorPil(),
        device="cpu",
    )
    ids = {label: number for number, label in network.config.id2label.items()}

    def work() -> None:
        areas = segment(str(photo))
        image = media.read(photo)
        color = np.zeros_like(image)
        for area in areas:
            color[np.asarray(area["mask"]) > 0] = ADE20K.color(int(ids[area["label"]]))
        media.write(target, (0.4 * image + 0.6 * color).astype(np.uint8))

    return work, network, transformers.__version__
