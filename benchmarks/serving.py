"""The other end of peers.py, for scripts in a process of their own; needs nothing but Python."""

import json
import sys
import time
from collections.abc import Callable, Mapping

READY = "ready"


def serve(work: Callable[[], object], versions: Mapping[str, str]) -> None:
    """Says what is measured, then works once for each line of input, and says how long.

    Args:
        work: The work.
        versions: Of the libraries.
    """
    print(READY + json.dumps(versions), flush=True)
    for _ in sys.stdin:
        start = time.process_time()
        work()
        print(f"{READY}{time.process_time() - start}", flush=True)
