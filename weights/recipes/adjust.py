"""Adjusts VOC's classifier for how unevenly its classes occur in the photographs it learnt from.

    python weights/recipes/adjust.py SHARDS --model BEFORE.pt --strength 0.05 --out AFTER.pt

Menon et al., "Long-tail learning via logit adjustment", 2021, https://arxiv.org/abs/2007.07314: the
logarithm of a class's share of the pixels, times a strength, is taken from its logits, which here
is done once in the classifier's bias. There are 904 photographs of cats and 23 of boats; without
this the network says "background" where it doubts. Without `--out`, strengths are compared on the
labels of the photographs.
"""

import argparse
from pathlib import Path

import data
import torch

from easyseg.engine import Segmenter
from easyseg.evaluation.metrics import Accumulator, Scores
from easyseg.transforms import restore

STRENGTHS = (0.0, 0.02, 0.04, 0.06, 0.08, 0.1, 0.15)
CLASSES = 21


def logarithms(segmenter: Segmenter, photographs: list[data.Photograph]) -> torch.Tensor:
    """Logarithms of the classes' mean shares by the network, (21,), the largest of them 0."""
    shares = torch.zeros(CLASSES)
    for one in photographs:
        logits = segmenter.predict(one.read()).logits[0].float()
        shares += logits.softmax(0).mean((1, 2))
    return (shares / shares.max()).log()


def compare(
    segmenter: Segmenter, photographs: list[data.Photograph], logs: torch.Tensor
) -> dict[float, Scores]:
    """Scores of one view on the photographs' own labels, by strength."""
    counts = {strength: Accumulator(CLASSES) for strength in STRENGTHS}
    for one in photographs:
        truth, found = one.labels("voc"), segmenter.predict(one.read())
        if truth is None or truth.shape != found.geometry.original:
            continue
        for strength, count in counts.items():
            logits = found.logits - strength * logs.view(1, -1, 1, 1)
            count.add(truth, restore(logits, found.geometry))
    return {strength: count.scores for strength, count in counts.items()}


def main() -> None:
    """Compares strengths, or writes the adjusted weights, float16."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shards", type=Path)
    parser.add_argument("--model", required=True, type=Path)
    parser.add_argument("--strength", type=float, default=0.0)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    photographs = [
        one for one in data.photographs(arguments.shards, "voc") if one.shard.startswith("voc")
    ]
    segmenter = Segmenter(arguments.model, dataset="voc")
    logs = logarithms(segmenter, photographs)
    if arguments.out is None:
        for strength, scores in compare(segmenter, photographs, logs).items():
            print(f"{strength}: {scores.mean_iou:.2%} mIoU, {scores.pixel_accuracy:.2%}")
        return
    state = torch.load(arguments.model, weights_only=True)
    bias = state["classifier.bias"].float() - arguments.strength * logs
    state["classifier.bias"] = bias.half()
    torch.save(state, arguments.out)


if __name__ == "__main__":
    main()
