"""Tests of easyseg.engine.allocator."""

import os
import platform
import subprocess
import sys

import pytest

from easyseg.engine import allocator

glibc = pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc" or any(name in os.environ for name in allocator.SETTINGS),
    reason="the allocator is not glibc's, or its settings are the environment's",
)

PAGES = """
import resource, numpy as np
from easyseg.engine import allocator
{before}
def pages():
    start = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    kept = [np.ones(20 << 20, np.uint8) for _ in range(4)]
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - start
pages(), pages()
print(pages())
"""
"""Tells how many pages the system clears when 80 MB are asked for again."""


def run(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment},
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    return done.stdout.strip()


@glibc
def test_memory_that_was_freed_is_not_cleared_again() -> None:
    before = int(run(PAGES.format(before="")))
    assert before > 1000
    assert int(run(PAGES.format(before="assert allocator.keep_freed()"))) < 100


@glibc
def test_a_network_on_the_cpu_keeps_its_memory() -> None:
    code = (
        "import easyseg, numpy as np\n"
        "from easyseg.engine import allocator\n"
        "easyseg.segment(np.zeros((64, 64, 3), np.uint8), model='builtin', backend='torch')\n"
        "print(allocator.keep_freed.cache_info().misses)"
    )
    assert run(code) == "1"


@pytest.mark.parametrize("name", allocator.SETTINGS)
def test_settings_of_the_environment_win(name: str) -> None:
    value = "glibc.malloc.perturb=0" if name == "GLIBC_TUNABLES" else "1000000"
    code = "from easyseg.engine import allocator; print(allocator.keep_freed())"
    assert run(code, **{name: value}) == "False"
