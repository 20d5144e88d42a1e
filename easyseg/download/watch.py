"""Ends connections that are not silent, and yet never come to an end."""

import contextlib
import socket
import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import requests


class Watch:
    """Shuts a session's connections when a step of an answer takes too long.

    A timeout of requests is for silence only: a server that sends a byte at a time starts it anew
    with each of them, in the head of its answer, too.

    Args:
        step: Seconds for the head of an answer, and for each piece of its body.
        deadline: Seconds for all of it; None for no limit.

    Attributes:
        is_late: Whether it has shut them.
    """

    def __init__(self, step: float, deadline: float | None) -> None:
        self._step = step
        self._last = float("inf") if deadline is None else time.monotonic() + deadline
        self._sockets: list[socket.socket] = []
        self._changed = threading.Condition()
        self._is_over = self.is_late = False
        self.renew()

    def renew(self) -> None:
        """Begins another step."""
        self._until = min(self._last, time.monotonic() + self._step)

    def watch(self, session: "requests.Session") -> None:
        """Watches all connections of a session, which has none yet."""
        adapter = _adapter(self._keep)
        for scheme in ("http://", "https://"):
            session.mount(scheme, adapter)

    def _keep(self, connection: socket.socket) -> None:
        # A duplicate, because TLS takes the socket itself over.
        with contextlib.suppress(OSError), self._changed:
            self._sockets.append(connection.dup())
            if self.is_late:  # what came of the head was enough to be sent on by
                connection.shutdown(socket.SHUT_RDWR)

    def _run(self) -> None:
        with self._changed:
            while not self._is_over:
                left = self._until - time.monotonic()
                if left <= 0:
                    self.is_late = True
                    for connection in self._sockets:
                        with contextlib.suppress(OSError):
                            connection.shutdown(socket.SHUT_RDWR)
                    return
                self._changed.wait(left)

    def __enter__(self) -> "Watch":
        threading.Thread(target=self._run, name="easyseg-watch", daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._changed:
            self._is_over = True
            self._changed.notify_all()
            for connection in self._sockets:
                connection.close()


def _adapter(keep: Any) -> Any:
    """Makes a transport of requests that shows each connection when it is made."""
    import requests.adapters
    from urllib3 import connectionpool

    def shown(pool: Any) -> Any:
        class Connection(pool.ConnectionCls):  # type: ignore[misc]
            def _new_conn(self) -> Any:
                made = super()._new_conn()
                keep(made)
                return made

        return type("Pool", (pool,), {"ConnectionCls": Connection})

    pools = {
        "http": shown(connectionpool.HTTPConnectionPool),
        "https": shown(connectionpool.HTTPSConnectionPool),
    }

    class Adapter(requests.adapters.HTTPAdapter):
        def init_poolmanager(self, *arguments: Any, **keywords: Any) -> None:
            super().init_poolmanager(*arguments, **keywords)
            self.poolmanager.pool_classes_by_scheme = pools

        def proxy_manager_for(self, *arguments: Any, **keywords: Any) -> Any:
            manager = super().proxy_manager_for(*arguments, **keywords)
            manager.pool_classes_by_scheme = pools
            return manager

    return Adapter()
