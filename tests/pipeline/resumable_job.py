"""A job in a process of its own, for tests that kill it: arguments and a place to die, as JSON.

The real network, with weights of no value, so that what smoothing remembers counts.
"""

import json
import os
import signal
import sys

import torch

from easyseg.engine import Prediction
from easyseg.labels import ADE20K
from easyseg.pictures.image import resize
from easyseg.pipeline import Job, Range, Segmenting, process_file, resume
from easyseg.result import Segmentation
from easyseg.transforms import Geometry, restore
from easyseg.videos.video_sink import Encoding


class TinySegmenter:
    """Takes the colours of a small copy of the picture for the logits of three classes."""

    label_set, name = ADE20K, "tiny"

    def predict(self, image):
        small = resize(image, (12, 16), "area")
        logits = torch.from_numpy(small.astype("float32") / 25).permute(2, 0, 1)[None]
        size = image.shape[:2]
        return Prediction(image, logits, Geometry(size, size, size), {})

    def finish(self, prediction, *, confidence=False, source=None):
        labels = restore(prediction.logits, prediction.geometry)
        return Segmentation(labels, ADE20K, prediction.image, "tiny", {}, source)


def run(source, target, kill_at=None, section=8, **options):
    """Does the job, and kills the process when the picture of that number is drawn."""
    resume.SECTION = section
    pictures = 0

    def draw(result):
        nonlocal pictures
        pictures += 1
        if pictures == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return result.overlay(legend=False)

    segmenting = Segmenting(**options.pop("segmenting", {}))
    frames = Range(**options.pop("range", {}))
    encoding = Encoding(**options.pop("encoding", {}))
    job = Job(segmenting, frames, encoding, resume=True, progress=False, **options)
    return process_file(source, target, TinySegmenter(), draw, job)


if __name__ == "__main__":
    run(**json.loads(sys.argv[1]))
