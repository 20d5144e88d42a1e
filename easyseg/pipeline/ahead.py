"""Runs an iterable in a thread of its own, some items ahead of whoever uses it."""

import queue
import threading
from collections.abc import Generator, Iterable
from typing import Generic, TypeVar

T = TypeVar("T")

_PATIENCE = 0.1
"""Seconds between looks at whether there is still anybody to work for."""


def ahead(items: Iterable[T], *, count: int = 2, name: str = "easyseg") -> Generator[T, None, None]:
    """Gives the items of an iterable, which is run in a thread, in their order.

    At most `count` items wait at a time, so that memory stays flat. What the iterable raises is
    raised here, after the items before it. When this generator is closed, abandoned or left by an
    error, the thread ends after the item it is at, and so do those that the iterable itself may
    have started this way.

    Args:
        items: What is run; a generator is closed in its thread when all is over.
        count: How many items may wait, 1 or more.
        name: The thread's name.

    Yields:
        The items.
    """
    worker = Worker(items, count, name)
    try:
        while True:
            item = worker.get()
            if item is None:
                break
            yield item[0]
    finally:
        worker.stop()
    if worker.error is not None:
        raise worker.error


class Worker(Generic[T]):
    """A thread that fills a queue; each item is packed into a tuple, None is the end.

    Args:
        items: What is run; a generator is closed in the thread when all is over.
        count: How many items may wait.
        name: The thread's name.

    Attributes:
        error: What the items have raised, if anything.
        over: Whether all items have been given.
    """

    def __init__(self, items: Iterable[T], count: int, name: str) -> None:
        self._items = items
        self._queue: queue.Queue[tuple[T] | None] = queue.Queue(count)
        self._stopped = threading.Event()
        self.error: BaseException | None = None
        self.over = False
        # Not a daemon: Python would kill it in the middle of native code when it exits.
        self._thread = threading.Thread(target=self._run, name=name)
        self._thread.start()

    def get(self) -> tuple[T] | None:
        """Waits for the next item; None is the end."""
        while not self.over:
            # Without a timeout Ctrl-C would not get through on Windows.
            item = self.poll(_PATIENCE)
            if item is not None:
                return item
        return None

    def poll(self, seconds: float) -> tuple[T] | None:
        """Waits for the next item, but not for long; None also when it has not come yet."""
        try:
            item = self._queue.get(timeout=seconds)
        except queue.Empty:
            # A thread that gave up, for Python is about to exit, leaves no end mark.
            self.over = not self._thread.is_alive() and self._queue.empty()
            return None
        self.over = item is None
        return item

    def stop(self) -> None:
        """Ends the thread after the item it is at."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        iterator = iter(self._items)
        try:
            for item in iterator:
                if not self._put((item,)):
                    return
        except BaseException as error:  # noqa: BLE001 - it is raised where the items are used
            self.error = error
        finally:
            self._close(iterator)
            self._put(None)

    def _close(self, iterator: object) -> None:
        if isinstance(iterator, Generator):
            try:
                iterator.close()
            except Exception as error:  # noqa: BLE001 - likewise
                self.error = self.error or error

    def _put(self, item: tuple[T] | None) -> bool:
        """Waits for room; False when nobody will ever take the item."""
        while not self._stopped.is_set() and threading.main_thread().is_alive():
            try:
                self._queue.put(item, timeout=_PATIENCE)
            except queue.Full:
                continue
            return True
        return False
