"""What is closed when its `with` block is left."""

from types import TracebackType
from typing import TypeVar

_Self = TypeVar("_Self", bound="Closing")


class Closing:
    """Something to close; a `with` block does so at its end."""

    def close(self) -> None:
        """Ends it; further calls do nothing."""
        raise NotImplementedError

    def __enter__(self: _Self) -> _Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._leave(error)

    def _leave(self, error: BaseException | None) -> None:
        """Ends it after an error, perhaps, which goes on when this returns."""
        self.close()
