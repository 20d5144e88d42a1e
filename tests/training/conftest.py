"""The toy set for the tests of training."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch

from easyseg import registry


@pytest.fixture(scope="session")
def toy() -> ModuleType:
    """The module `toy.py` beside this file."""
    spec = importlib.util.spec_from_file_location("toy", Path(__file__).with_name("toy.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def toy_model(toy: ModuleType, monkeypatch: pytest.MonkeyPatch) -> str:
    """Registers the tiny network for one test; gives its name."""
    registry.names()
    monkeypatch.setitem(registry._RECORDS, toy.NAME, toy.record())
    return toy.NAME


@pytest.fixture
def one_thread() -> Iterator[None]:
    """What several threads add up comes in another order, and rounds otherwise."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
