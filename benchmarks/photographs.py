"""A photograph file in, an overlay file out, by easyseg and by its peers."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import torch

from benchmarks import peers, subjects
from benchmarks.drawing import class_by_class
from benchmarks.measure import Results, Skipped, compare
from benchmarks.peers import PeerError
from benchmarks.subjects import Settings
from easyseg.engine import Segmenter, loader
from easyseg.pictures import image as media
from easyseg.transforms import Preprocess

PART = "photograph"
WORK = "1280x853 JPEG to overlay file"
PIXELLIB = "PixelLib, segmentAsAde20k"
TRANSFORMERS = "transformers, pipeline, overlay drawn"
TORCHVISION = "torchvision's snippet"
NAIVE = "naive torch"
AS_MANY_PIXELS = 418
"""The shorter side of a picture of these proportions that has as many pixels as 512x512, to which
transformers squeezes it; by its record's rule ours has 768x512."""


def run(settings: Settings) -> Results:
    """Measures the built-in model, SegFormer-B0 and LR-ASPP, each against whoever has its like."""
    photo, target = subjects.photograph(settings.folder), settings.folder / "overlay.jpg"
    results: Results = []
    results += _builtin(photo, target, settings)
    results += _segformer(photo, target, settings)
    results += _lraspp(photo, target, settings)
    return results + _steps(photo, target, settings)


def one_liner(segmenter: Segmenter, photo: Path, target: Path) -> Callable[[], object]:
    """What a user writes."""
    return lambda: segmenter(photo).save(target)


def _builtin(photo: Path, target: Path, settings: Settings) -> Results:
    made, skipped = subjects.segmenters(PART, "builtin", dataset="ade20k")
    ways: dict[str, Callable[[], object]] = {
        way: one_liner(segmenter, photo, target) for way, segmenter in made.items()
    }
    ways[NAIVE] = _naive("builtin", "ade20k", photo, target)
    results: Results = list(skipped)
    with ExitStack() as stack:
        against = NAIVE
        try:
            arguments = ("image", photo, settings.folder / "pixellib.jpg")
            ways[PIXELLIB] = stack.enter_context(
                peers.peer(settings.pixellib_python, "pixellib_peer.py", *arguments)
            )
            against = PIXELLIB
        except PeerError as error:
            results.append(Skipped(PART, PIXELLIB, str(error)))
        return results + compare(PART, f"{WORK}, built-in model", ways, settings.turns, against)


def _segformer(photo: Path, target: Path, settings: Settings) -> Results:
    results: Results = []
    try:
        work, network, version = peers.transformers_pipeline(photo, settings.folder / "peer.jpg")
    except PeerError as error:
        return [Skipped(PART, TRANSFORMERS, str(error))]
    network.save_pretrained(settings.folder)
    made, skipped = subjects.segmenters(PART, str(settings.folder / "model.safetensors"))
    ways = {TRANSFORMERS: work}
    for way, segmenter in made.items():
        ways[way] = one_liner(segmenter, photo, target)
        fewer = segmenter.with_size(AS_MANY_PIXELS)
        ways[f"{way}, as many pixels"] = one_liner(fewer, photo, target)
    results += compare(
        PART, f"{WORK}, SegFormer-B0 (transformers {version})", ways, settings.turns, TRANSFORMERS
    )
    return [*results, *skipped]


def _lraspp(photo: Path, target: Path, settings: Settings) -> Results:
    name = "lraspp_mobilenet_v3_large.coco_voc"
    path = subjects.random_checkpoint(name, settings.folder)
    made, skipped = subjects.segmenters(PART, str(path))
    ways: dict[str, Callable[[], object]] = {
        way: one_liner(segmenter, photo, target) for way, segmenter in made.items()
    }
    results: Results = list(skipped)
    with ExitStack() as stack:
        try:
            arguments = ("image", photo, settings.folder / "torchvision.jpg")
            ways[TORCHVISION] = stack.enter_context(
                peers.peer(settings.torchvision_python, "torchvision_peer.py", *arguments)
            )
        except PeerError as error:
            return [*results, Skipped(PART, TORCHVISION, str(error))]
        work = f"{WORK}, LR-ASPP MobileNetV3"
        return results + compare(PART, work, ways, settings.turns, TORCHVISION)


def _naive(model: str, dataset: str, photo: Path, target: Path) -> Callable[[], object]:
    """The same network as scripts run it: a square picture, eager, full-size logits, by class."""
    weights, path = loader.find(model, dataset)
    module = loader.load(weights, path)
    rule: Preprocess = weights.preprocess
    side = rule.size if isinstance(rule.size, int) else max(rule.size)

    def work() -> None:
        image = media.read(photo)
        square = media.resize(image, (side, side))
        x = (torch.from_numpy(square).float() / 255).permute(2, 0, 1)
        x = (x - torch.tensor(rule.mean)[:, None, None]) / torch.tensor(rule.std)[:, None, None]
        with torch.no_grad():
            logits = module(x[None])
        full = torch.nn.functional.interpolate(logits, image.shape[:2], mode="bilinear")
        media.write(target, class_by_class(image, full.argmax(1)[0].numpy().astype(np.uint8)))

    return work


def _steps(photo: Path, target: Path, settings: Settings) -> Results:
    """Where the time of the one-liner goes."""
    segmenter = Segmenter("builtin", dataset="ade20k")
    image = media.read(photo)
    prediction = segmenter.predict(image)
    result = segmenter.finish(prediction)
    picture = result.overlay()
    steps: dict[str, Callable[[], object]] = {
        "read": lambda: media.read(photo),
        "preprocess and network": lambda: segmenter.predict(image),
        "labels": lambda: segmenter.finish(prediction),
        "overlay": result.overlay,
        "write": lambda: media.write(target, picture),
        "all": one_liner(segmenter, photo, target),
    }
    return compare(PART, f"steps, {segmenter.backend}", steps, settings.turns, "all")
