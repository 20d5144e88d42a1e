"""Tells what works on this machine, and what to do about what does not."""

import argparse
import hashlib
import importlib
import os
import platform
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import easyseg
from easyseg.errors import EasysegError

_REINSTALL = (
    "Install easyseg and what it needs again: pip install --force-reinstall, with the path of its "
    "wheel, or with . in its clone"
)
_WITHOUT = "PyTorch runs the networks instead. Installing that package again may help"
_WIDTH = 100


@dataclass(frozen=True)
class Finding:
    """What an examination found.

    Attributes:
        status: "note" is for what easyseg can do without, "broken" for what it cannot.
        text: What there is.
        advice: What to do about it; empty when all is well.
    """

    status: Literal["ok", "note", "broken"]
    text: str
    advice: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options: there are none."""


def run(options: argparse.Namespace) -> int:
    """Examines the machine; makes no file and no folder, and uses no network.

    Returns:
        0, or 1 when something is broken without which easyseg does not work.
    """
    print(f"easyseg {easyseg.__version__}")
    width = max(map(len, EXAMINATIONS))
    broken = 0
    for name, examine in EXAMINATIONS.items():
        for finding in _findings(examine):
            broken += finding.status == "broken"
            print(f"{finding.status:7} {name:{width}}  {finding.text}", flush=True)
            indent = " " * (width + 10)
            for line in textwrap.wrap(finding.advice, _WIDTH - len(indent)):
                print(f"{indent}{line}")
    print("easyseg does not work here yet" if broken else "easyseg works here")
    return 1 if broken else 0


def _findings(examine: Callable[[], Iterable[Finding]]) -> list[Finding]:
    """What cannot even be examined is broken, and does not keep the others from it."""
    try:
        return list(examine())
    # A library that lacks a part of the system raises OSError, and NumPy's mismatch RuntimeError.
    except (ImportError, OSError, RuntimeError, AttributeError, EasysegError) as error:
        return [Finding("broken", f"{type(error).__name__}: {error}", _REINSTALL)]


def _python() -> Iterable[Finding]:
    machine = f"{platform.system()} {platform.machine()}"
    yield Finding("ok", f"{platform.python_version()}, {machine}, {sys.executable}")


def _torch() -> Iterable[Finding]:
    import torch

    threads = f"{torch.get_num_threads()} threads on {os.cpu_count()} processors"
    yield Finding("ok", f"{torch.__version__}, {threads}")


def _module(name: str) -> Callable[[], Iterable[Finding]]:
    def examine() -> Iterable[Finding]:
        yield Finding("ok", str(importlib.import_module(name).__version__))

    return examine


def _opencv() -> Iterable[Finding]:
    try:
        yield from _module("cv2")()
    except ImportError as error:
        if "libGL" not in str(error):
            raise
        yield Finding(
            "broken", str(error),
            "Install libGL (on Debian and Ubuntu: apt-get install libgl1), or replace "
            "opencv-python with opencv-python-headless",
        )  # fmt: skip


def _device() -> Iterable[Finding]:
    import torch

    from easyseg.engine.device import pick_device

    device = pick_device()
    if device.type == "cuda":
        yield Finding("ok", f"{device}: {torch.cuda.get_device_name(device)}")
    elif device.type == "cpu" and shutil.which("nvidia-smi"):
        yield Finding(
            "note", "cpu, although there is an NVIDIA driver",
            f"PyTorch {torch.__version__} cannot use the GPU: install a build for CUDA, see "
            "https://pytorch.org/get-started/locally/",
        )  # fmt: skip
    else:
        yield Finding("ok", str(device))


def _backends() -> Iterable[Finding]:
    from importlib.metadata import version

    from easyseg.engine import backends, conversion

    for name in backends.BACKENDS:
        if name == "torch":
            continue
        if not conversion.is_installed(name):
            yield Finding(
                "note", f"{name} is not installed",
                "Networks run without it; with it they are faster on most CPUs: "
                f"{conversion.install_line(name)}",
            )  # fmt: skip
            continue
        try:
            backends.try_out(name)
        except Exception as error:  # noqa: BLE001 - the backends' errors have no other base
            what = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
            yield Finding("note", f"{name} {version(name)} fails: {what}", _WITHOUT)
        else:
            yield Finding("ok", f"{name} {version(name)}")


def _cache() -> Iterable[Finding]:
    from easyseg.download import cache_folder, is_offline

    folder = cache_folder()
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
        remark = "" if there == folder else " (made when something is downloaded)"
        yield Finding("ok", f"{folder}{remark}")
    else:
        yield Finding(
            "note", f"{folder} cannot be written",
            "Nothing can be downloaded; the built-in models work. Name another folder in the "
            "environment variable EASYSEG_HOME",
        )  # fmt: skip
    if is_offline():
        yield Finding("note", "EASYSEG_OFFLINE is set: nothing is downloaded", "Unset it if not so")


def _weights() -> Iterable[Finding]:
    from easyseg import registry
    from easyseg.engine.loader import built_in_file

    for name in registry.names():
        record = registry.get(name)
        if record.file is None:
            continue
        try:
            file = built_in_file(record)
        except EasysegError as error:
            yield Finding("broken", f"{name}: missing", str(error))
            continue
        yield _checked(name, file, record.sha256)


def _checked(name: str, file: Path, sha256: str) -> Finding:
    found = hashlib.sha256(file.read_bytes()).hexdigest()
    if found.startswith(sha256):
        return Finding("ok", f"{name}, checksum right")
    return Finding("broken", f"{name}: {file} is damaged, its checksum is wrong", _REINSTALL)


def _prediction() -> Iterable[Finding]:
    import numpy as np

    from easyseg.engine import Segmenter

    # PyTorch: the others keep a file for the next time.
    result = Segmenter("builtin", backend="torch")(np.zeros((64, 96, 3), np.uint8))
    milliseconds = 1000 * result.timing["total"]
    yield Finding("ok", f"segmented a small picture in {milliseconds:.0f} ms on the first run")


def _formats() -> Iterable[Finding]:
    from easyseg.pictures import probe

    formats = probe.formats()
    both = ", ".join(one.name for one in formats if one.reads and one.writes)
    yield Finding("ok", f"{both}: read and written")
    essential = ("JPEG", "PNG")
    for one in formats:
        if one.reads and one.writes:
            continue
        status: Literal["note", "broken"] = "broken" if one.name in essential else "note"
        if one.reads:
            yield Finding("ok", f"{one.name}: read only")
        else:
            yield Finding(status, f"{one.name}: not read", "Newer Pillow and OpenCV may: update")


def _window() -> Iterable[Finding]:
    from easyseg.pictures import probe

    backend = probe.window_backend()
    if backend is None:
        yield Finding(
            "note", "this OpenCV cannot open windows",
            "For windows, replace opencv-python-headless with opencv-python. Pictures and videos "
            "can be written without",
        )  # fmt: skip
    elif not probe.has_display():
        yield Finding(
            "note", f"no screen ({backend} is there, but neither DISPLAY nor WAYLAND_DISPLAY)",
            "Nothing can be shown here, as on most servers. Pictures and videos can be written",
        )  # fmt: skip
    else:
        yield Finding("ok", backend)


EXAMINATIONS: dict[str, Callable[[], Iterable[Finding]]] = {
    "python": _python,
    "torch": _torch,
    "numpy": _module("numpy"),
    "opencv": _opencv,
    "pillow": _module("PIL"),
    "requests": _module("requests"),
    "tqdm": _module("tqdm"),
    "device": _device,
    "backends": _backends,
    "weights": _weights,
    "prediction": _prediction,
    "formats": _formats,
    "window": _window,
    "cache": _cache,
}
"""Every examination, by the name it is shown with, in order."""
