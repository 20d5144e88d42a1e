"""What a call may leave the names out of."""

import inspect
from collections.abc import Callable
from typing import Any


def positional(method: Callable[..., Any]) -> tuple[str, ...]:
    """The parameters of a method, without `self`, that may be given by their places."""
    parameters = inspect.signature(method).parameters.values()
    return tuple(one.name for one in parameters if one.kind is not one.KEYWORD_ONLY)[1:]
