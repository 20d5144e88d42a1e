"""A file to read."""

from pathlib import Path

import pytest
from samples import encoded


@pytest.fixture
def png(tmp_path: Path) -> Path:
    """The small picture as a file."""
    path = tmp_path / "a picture.png"
    path.write_bytes(encoded("PNG"))
    return path
