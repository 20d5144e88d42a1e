"""Holds Ctrl-C back from steps that must not be left half-way."""

import contextlib
import signal
import threading
from collections.abc import Iterator

_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Lets the block come to its end before signals that arrive in it are answered.

    An encoder that is left between two of its packets leaves a file that cannot be decoded. In
    threads other than the main one nothing is to be done: Python answers signals in that one only.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[int] = []
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    answered = {number: answer for number, answer in before.items() if callable(answer)}
    try:
        for number in answered:
            signal.signal(number, lambda number, _frame: held.append(number))
        yield
    finally:
        for number, answer in answered.items():
            signal.signal(number, answer)
        for number in dict.fromkeys(held):
            signal.raise_signal(number)
