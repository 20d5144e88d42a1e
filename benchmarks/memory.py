"""The most memory that a process takes for a photograph, from its start to its end."""

import os
import re
import subprocess
import sys
from pathlib import Path

from benchmarks import subjects
from benchmarks.measure import Results, Skipped, rows_of
from benchmarks.subjects import Settings

PART = "memory"
NAIVE = "torch alone, imported"
PEAK = """
import re
from pathlib import Path
print("peak", re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""
WAYS = {
    NAIVE: "import torch",
    "easyseg.segment, built-in model": (
        "import easyseg; easyseg.segment(PHOTO, dataset='ade20k', model='builtin').save(TARGET)"
    ),
    "transformers, pipeline": (
        "from pathlib import Path\n"
        "from benchmarks.peers import transformers_pipeline\n"
        "transformers_pipeline(Path(PHOTO), Path(TARGET))[0]()"
    ),
}


def run(settings: Settings) -> Results:
    """Measures each in a process of its own."""
    if sys.platform != "linux":
        return [Skipped(PART, "all", "needs /proc")]
    photo, target = subjects.photograph(settings.folder), settings.folder / "memory.jpg"
    taken: dict[str, list[float]] = {}
    results: Results = []
    for way, code in WAYS.items():
        filled = code.replace("PHOTO", repr(str(photo))).replace("TARGET", repr(str(target)))
        done = subprocess.run(
            [sys.executable, "-c", filled + PEAK],
            capture_output=True,
            text=True,
            check=False,
            cwd=Path(__file__).resolve().parent.parent,
            env={**os.environ, "HF_HUB_OFFLINE": "1"},
        )
        peak = re.search(r"peak (\d+)", done.stdout)
        if peak is None:
            reason = (done.stderr.strip().splitlines() or ["it ended without a word"])[-1]
            results.append(Skipped(PART, way, reason))
        else:
            taken[way] = [int(peak[1]) / 1024]
    return rows_of(PART, "peak of a process", taken, "MB", NAIVE) + results
