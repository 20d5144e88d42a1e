"""Shows options in full on the pages about Python, as `help()` does.

They are stated once, in `easyseg.options`; a decorator gives functions their signatures at run
time, and this extension gives the same to mkdocstrings, which reads the source.
"""

import importlib
import inspect
import re
from typing import Any

import griffe

from easyseg.options import fields
from easyseg.options.field import worded

_OPTIONAL = re.compile(r"^Optional\[(.*)\]$")


class Options(griffe.Extension):
    """Takes signatures and docstrings of what `easyseg.options` decorates from the import."""

    def on_function(self, *, func: griffe.Function, **_: Any) -> None:
        """Puts the options of a function in the place of `**options`."""
        if "Unpack" not in {str(one.annotation).partition("[")[0] for one in func.parameters}:
            return
        decorated = _imported(func.path)
        kept = [one for one in func.parameters if one.kind is not griffe.ParameterKind.var_keyword]
        func.parameters = griffe.Parameters(
            *kept,
            *(
                griffe.Parameter(
                    one.name,
                    annotation=_OPTIONAL.sub(r"\1 | None", worded(one.type)),
                    kind=griffe.ParameterKind.keyword_only,
                    default=repr(one.default),
                )
                for one in fields(decorated)
            ),
        )
        func.overloads = None
        _document(func, decorated)

    def on_class(self, *, cls: griffe.Class, **_: Any) -> None:
        """Puts the options of its making into the documentation of a class."""
        if _decorated(cls, "documented_class"):
            _document(cls, _imported(cls.path))


def _decorated(what: griffe.Function | griffe.Class, name: str) -> bool:
    return any(
        str(one.value).partition("(")[0].rpartition(".")[2] == name for one in what.decorators
    )


def _imported(path: str) -> Any:
    module, names = path, []
    while True:
        try:
            found = importlib.import_module(module)
            break
        except ModuleNotFoundError:
            module, _, name = module.rpartition(".")
            names.insert(0, name)
    for name in names:
        found = getattr(found, name)
    return found


def _document(what: griffe.Function | griffe.Class, imported: Any) -> None:
    text = inspect.getdoc(imported)
    if what.docstring is not None and text:
        what.docstring.value = text
