"""Does work ahead of time in threads, in order, and measures how long it was waited for."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

from easyseg._closing import Closing
from easyseg.errors import InputError

Job = TypeVar("Job")
Result = TypeVar("Result")


class Prefetch(Generic[Job, Result], Closing):
    """Gives `work(job)` for each job, in the order of the jobs.

    Decoding and resizing release Python's lock, so threads do what processes would, without copies.
    Use it in a `with` block: leaving it stops the threads. An error in the work is raised where its
    result would have come.

    Args:
        work: Called with one job; from several threads at once.
        jobs: May be endless; taken one by one as there is room.
        workers: Number of threads; with 0 the work is done when it is asked for.
        ahead: How many results are kept ready at most.

    Attributes:
        waited: Seconds that the taker has waited for results so far.

    Raises:
        InputError: If `workers` is negative or `ahead` below 1.
    """

    def __init__(
        self, work: Callable[[Job], Result], jobs: Iterable[Job], *, workers: int, ahead: int
    ) -> None:
        if workers < 0 or ahead < 1:
            raise InputError(f"workers must be at least 0 and ahead 1, not {workers} and {ahead}")
        self.waited = 0.0
        self._work = work
        self._jobs = iter(jobs)
        self._ahead = ahead
        self._pool = ThreadPoolExecutor(workers, "easyseg-data") if workers else None
        self._ready: deque[Future[Result]] = deque()

    def __iter__(self) -> Iterator[Result]:
        return self

    def __next__(self) -> Result:
        if self._pool is None:
            started = time.perf_counter()
            result = self._work(next(self._jobs))
        else:
            self._fill(self._pool)
            if not self._ready:
                raise StopIteration
            started = time.perf_counter()
            result = self._ready.popleft().result()
        self.waited += time.perf_counter() - started
        return result

    def close(self) -> None:
        """Ends the threads; what they have not begun is not done."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def _fill(self, pool: ThreadPoolExecutor) -> None:
        while len(self._ready) < self._ahead:
            try:
                job = next(self._jobs)
            except StopIteration:
                return
            self._ready.append(pool.submit(self._work, job))
