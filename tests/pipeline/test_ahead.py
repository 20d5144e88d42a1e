"""Threads that run ahead."""

import subprocess
import sys
import threading

import pytest

from easyseg.pipeline import ahead


def threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name == "ahead-test"]


def test_order_is_kept_and_the_thread_ends():
    items = ahead(range(100), count=3, name="ahead-test")
    assert next(items) == 0
    assert threads() == ["ahead-test"]
    assert list(items) == list(range(1, 100))
    assert threads() == []


def test_nothing_runs_before_the_first_item_is_asked_for():
    ahead(iter(range(3)), name="ahead-test")
    assert threads() == []


def test_it_runs_only_so_far_ahead():
    made = []

    def make():
        for number in range(50):
            made.append(number)
            yield number

    items = ahead(make(), count=2, name="ahead-test")
    next(items)
    threading.Event().wait(0.2)
    assert len(made) <= 4
    items.close()
    assert threads() == []


def test_errors_come_after_the_items_before_them():
    def make():
        yield 1
        raise KeyError("mine")

    items = ahead(make(), name="ahead-test")
    assert next(items) == 1
    with pytest.raises(KeyError, match="mine"):
        next(items)
    assert threads() == []


@pytest.mark.parametrize("how", ["close", "abandon", "throw"])
def test_a_chain_of_threads_ends_from_the_front(how):
    closed = []

    def make():
        try:
            yield from range(10**9)
        finally:
            closed.append(threading.current_thread().name)

    def twice(numbers):
        try:
            for number in numbers:
                yield 2 * number
        finally:
            numbers.close()

    items = ahead(twice(ahead(make(), name="ahead-test")), name="ahead-test")
    assert [next(items), next(items)] == [0, 2]
    if how == "close":
        items.close()
    elif how == "throw":
        with pytest.raises(KeyboardInterrupt):
            items.throw(KeyboardInterrupt())
    del items
    assert threads() == []
    assert closed == ["ahead-test"]


def test_python_can_exit_with_a_chain_left_open():
    code = (
        "from easyseg.pipeline.ahead import ahead\n"
        "import itertools\n"
        "items = ahead(ahead(itertools.count()))\n"
        "print(next(items))\n"
        "keep = [items]; keep.append(keep)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "0\n"
    assert done.stderr == ""
