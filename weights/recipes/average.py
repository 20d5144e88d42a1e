"""Averages weights of one network: what a training began from and what it came to.

    python weights/recipes/average.py BEFORE.pt AFTER.pt --out FILE.pt

Wortsman et al., "Robust fine-tuning of zero-shot models", 2022, https://arxiv.org/abs/2109.01903.
"""

import argparse
from pathlib import Path

import torch


def main() -> None:
    """Reads the command line and writes the average, float16."""
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--out", required=True, type=Path)
    args = parser.parse_args()
    states = [torch.load(file, weights_only=True) for file in args.files]
    average = {}
    for key, first in states[0].items():
        values = [state[key] for state in states]
        if first.is_floating_point():
            average[key] = torch.stack([value.float() for value in values]).mean(0).half()
        else:
            average[key] = first
    torch.save(average, args.out)


if __name__ == "__main__":
    main()
