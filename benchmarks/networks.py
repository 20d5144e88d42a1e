"""The forward pass of each network in each engine, and how near it is to the machine's limit."""

import statistics

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import subjects
from benchmarks.measure import Results, Row, Skipped, Turns, compare, take_turns
from benchmarks.subjects import Settings
from easyseg.engine import loader
from easyseg.errors import EasysegError

PART = "network"
SIDE = 512
LIGHT = ("lraspp_mobilenet_v3_large.coco_voc", "segformer_b0.ade20k")
HEAVY = "deeplabv3plus_resnet50.ade20k"
EAGER = "torch eager"


def run(settings: Settings) -> Results:
    """Measures 512x512 pictures, one at a time."""
    names = [*LIGHT, HEAVY] if settings.networks else list(LIGHT)
    results: Results = _measure("builtin", "deeplabv3plus_efficientnet_lite0.ade20k", settings)
    for name in names:
        results += _measure(subjects.random_checkpoint(name, settings.folder), name, settings)
    return results


def _measure(model: object, name: str, settings: Settings) -> Results:
    dataset = "ade20k" if model == "builtin" else None
    x = torch.randn(1, 3, SIDE, SIDE)
    weights, path = loader.find(str(model), dataset)
    eager = loader.load(weights, path)
    made, skipped = subjects.segmenters(PART, str(model), ("fp32", "bf16"), dataset=dataset)
    ways = {EAGER: lambda: _run(eager, x)}
    for way, segmenter in made.items():
        try:
            segmenter.logits(x)
        except EasysegError as error:
            skipped.append(Skipped(PART, way, str(error)))
            continue
        ways[way] = lambda segmenter=segmenter: segmenter.logits(x)
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
