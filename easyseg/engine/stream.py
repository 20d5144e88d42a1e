"""The results of many things, one after another, whatever one of them raises."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from easyseg.engine.skipping import SKIPPABLE, OnError, Skipping
from easyseg.result import Segmentation


class ResultStream(Iterator[Segmentation]):
    """An iterator that goes on after an error, as a generator cannot.

    Args:
        items: The things.
        work: Gives the results of one of them; a generator.
        on_error: What becomes of one that cannot be read or segmented.

    Raises:
        InputError: If `on_error` is neither `"raise"` nor `"skip"`.
    """

    def __init__(
        self,
        items: Sequence[Any],
        work: Callable[[Any], Iterator[Segmentation]],
        on_error: OnError = "raise",
    ) -> None:
        self._items, self._work = iter(items), work
        self._item: object = None
        self._running: Any = None
        self._skipping = Skipping(on_error)

    @property
    def skipped(self) -> int:
        """How many things were passed over so far."""
        return self._skipping.skipped

    def __next__(self) -> Segmentation:
        while True:
            if self._running is None:
                self._item = next(self._items)
                self._running = self._work(self._item)
            try:
                result: Segmentation = next(self._running)
            except StopIteration:
                self._running = None
            except SKIPPABLE as error:
                self._running = None
                self._skipping.note(self._item, error)
            else:
                return result

    def close(self) -> None:
        """Gives back what is open; there are no more results."""
        if self._running is not None:
            self._running.close()
        self._running, self._items = None, iter(())
