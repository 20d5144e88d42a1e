"""What the allocator does with the memory that a step frees."""

import os
import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource
import sys
from pathlib import Path
import torch
from easyseg.training.memory import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        blocks = [torch.empty(size << 20, dtype=torch.uint8).fill_(1) for size in (40, 3, 50)]
        del blocks
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

torch.set_num_threads(1)
with keep_freed_memory(torch.device(sys.argv[1])):
    faults()
    count = faults()
    held = resident()
print(count, held - resident())
"""
BYTES = 93 << 20
SWEPT = 10 * BYTES // 65536
"""Faults that ten fresh mappings cause at the very least, for pages of up to 64 KiB."""

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="for glibc's allocator")


def run(device: str, **environment: str) -> tuple[int, int]:
    """Faults of pages when large blocks are taken again, and bytes given back at the end."""
    own = {k: v for k, v in os.environ.items() if not k.startswith(("MALLOC_", "GLIBC_", "THP_"))}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, device],
        env=own | environment,
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    count, given_back = done.stdout.split()
    return int(count), int(given_back)


def test_freed_memory_is_kept_and_given_back_at_the_end():
    count, given_back = run("cpu")
    assert count < SWEPT / 20
    assert given_back > 0.8 * BYTES


@pytest.mark.parametrize(
    ("device", "environment"),
    [
        ("meta", {}),
        ("cpu", {"MALLOC_MMAP_THRESHOLD_": "1000000"}),
        ("cpu", {"GLIBC_TUNABLES": "glibc.malloc.mmap_threshold=1000000"}),
    ],
)
def test_other_devices_and_settings_of_the_user_s_own_are_left_alone(
    device: str, environment: dict[str, str]
):
    assert run(device, **environment)[0] > SWEPT
