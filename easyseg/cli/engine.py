"""The options of every command that runs a network."""

import argparse


def add_engine_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds where a network runs, and with what."""
    add = parser.add_argument
    add("--device", help="cpu, cuda, cuda:1, mps; the best there is by default")
    add(
        "--precision", metavar="NAME", default="auto",
        help="fp32, bf16, fp16 on GPUs, or int8 after easyseg quantize; by default fp32, or bf16 "
        "where it is faster and was measured not to cost accuracy",
    )  # fmt: skip
    add(
        "--backend", metavar="NAME", default="auto",
        help="torch, openvino or onnxruntime; by default OpenVINO on a CPU where it is installed",
    )  # fmt: skip
