"""The forward pass of each network in each engine, and how near it is to the machine's limit."""

import statistics
from contextlib import ExitStack

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import peers, subjects
from benchmarks.measure import Results, Row, Skipped, Turns, Way, compare, take_turns
from benchmarks.peers import PeerError
from benchmarks.subjects import Settings
from easyseg.engine import Segmenter, loader
from easyseg.engine.precision import has_native_bf16
from easyseg.errors import EasysegError

PART = "network"
SIDE = 512
LIGHT = ("lraspp_mobilenet_v3_large.coco_voc", "segformer_b0.ade20k")
HEAVY = "deeplabv3plus_resnet50.ade20k"
BUILTIN = "deeplabv3plus_mobilenet_v2_tensorflow"
EAGER = "torch eager"
TORCHVISION = "torchvision, DeepLabV3 MobileNetV3-Large"
NO_BF16 = "this processor emulates bfloat16: seconds for a picture"


def run(settings: Settings) -> Results:
    """Measures 512x512 pictures, one at a time."""
    names = [*LIGHT, HEAVY] if settings.networks else list(LIGHT)
    results: Results = _against_torchvision(settings)
    for dataset in ("ade20k", "voc"):
        results += _measure("builtin", f"{BUILTIN}.{dataset}", settings)
    for name in names:
        results += _measure(subjects.random_checkpoint(name, settings.folder), name, settings)
    return results


def _against_torchvision(settings: Settings) -> Results:
    """The built-in models against the small one that torchvision's users take.

    With as many pixels, and as they come: a photograph of 512x512 is seen at 384x384.
    """
    x = torch.randn(1, 3, SIDE, SIDE)
    ways = {}
    for dataset in ("ade20k", "voc"):
        made, skipped = subjects.segmenters(PART, "builtin", dataset=dataset)  # the same for both
        for way, segmenter in made.items():
            ways[f"{way}, built-in {dataset}"] = _forward(segmenter, x)
            if own := segmenter.size:
                seen = torch.randn(1, 3, own, own)
                ways[f"{way}, built-in {dataset} as it comes ({own})"] = _forward(segmenter, seen)
    with ExitStack() as stack:
        try:
            peer = stack.enter_context(
                peers.peer(settings.torchvision_python, "torchvision_peer.py", "network", str(SIDE))
            )
        except PeerError as error:
            return [Skipped(PART, TORCHVISION, str(error))]
        ways[TORCHVISION] = peer
        work = f"512x512 (torchvision {peer.versions['torchvision']})"
        return [*compare(PART, work, ways, settings.turns, TORCHVISION), *skipped]


def _forward(segmenter: Segmenter, x: torch.Tensor) -> Way:
    return lambda: segmenter.logits(x)


def _measure(model: object, name: str, settings: Settings) -> Results:
    dataset = name.rpartition(".")[2] if model == "builtin" else None
    x = torch.randn(1, 3, SIDE, SIDE)
    weights, path = loader.find(str(model), dataset)
    eager = loader.load(weights, path)
    # Only the loss of a light one is worth the minutes where bfloat16 is emulated.
    worth_it = name in LIGHT or has_native_bf16(torch.device("cpu"))
    precisions = ("fp32", "bf16") if worth_it else ("fp32",)
    made, skipped = subjects.segmenters(PART, str(model), precisions, dataset=dataset)
    if not worth_it:
        skipped.append(Skipped(PART, f"{name}, bf16", NO_BF16))
    ways = {EAGER: lambda: _run(eager, x)}
    for way, segmenter in made.items():
        try:
            segmenter.logits(x)
        except EasysegError as error:
            skipped.append(Skipped(PART, way, str(error)))
            continue
        ways[way] = _forward(segmenter, x)
    turns = settings.turns.at_most(3) if name == HEAVY else settings.turns
    results = compare(PART, name, ways, turns, EAGER)
    return [*results, *skipped, *_floor(eager, x, name, results, settings.turns.at_most(7))]


def _run(module: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        return module(x)


def _floor(
    module: torch.nn.Module, x: torch.Tensor, name: str, results: Results, turns: Turns
) -> Results:
    """The time that the network's sums would take at the rate of a large matrix product."""
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        module(x)
    a = torch.randn(2048, 2048)
    seconds = statistics.median(take_turns({"product": lambda: a @ a}, turns)["product"])
    rate = 2 * 2048**3 / seconds
    floor = 1000 * counter.get_total_flops() / rate
    fastest = min(row.value for row in results if isinstance(row, Row) and row.way.endswith("fp32"))
    work = f"{name}, {counter.get_total_flops() / 1e9:.1f} GFLOP at {rate / 1e9:.0f} GFLOP/s"
    return [
        Row("limit", work, "matrix product", floor, "ms", floor, floor, 7),
        Row("limit", work, "fastest fp32 engine", fastest, "ms", fastest, fastest, 7,
            "matrix product", floor / fastest),
    ]  # fmt: skip
