from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from easyseg.files import plain_name


@given(st.text())
def test_a_plain_name_stays_where_it_is(text: str):
    name = plain_name(text)
    assert len(PurePosixPath(name).parts) == len(PureWindowsPath(name).parts) == 1
    assert name
    assert not name.startswith(".")
    assert ".." not in name
    assert not any(letter in name for letter in '\0\x1b:*?"<>|')
    assert len(name.encode("utf-8")) <= 240


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("person", "person"), ("x/../../y", "x_____y"), ("..", "_"), ("", "_"),
        ("/etc/a", "_etc_a"), ("net_r50.ade20k", "net_r50.ade20k"), ("城市", "城市"),
        (".hidden", "hidden"),
    ],
)  # fmt: skip
def test_what_becomes_of_some(text: str, name: str):
    assert plain_name(text) == name
