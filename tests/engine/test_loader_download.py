"""Which model runs where its file is published, cached, or cannot be had."""

import dataclasses
import functools
import logging
import threading
import warnings
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from easyseg import download, registry
from easyseg.engine import Segmenter, loader
from easyseg.errors import DownloadError, EasysegWarning, ModelError

BUILT_IN = "deeplabv3plus_mobilenet_v2_tensorflow.voc"
PUBLISHED = "published.voc"


@pytest.fixture
def asked() -> list[str]:
    """The paths that the server was asked for."""
    return []


@pytest.fixture
def server(asked: list[str]) -> Iterator[str]:
    """The address of a real server that gives the built-in files."""
    folder = loader.built_in_file(registry.get(BUILT_IN)).parent

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            asked.append(self.path)

    handler = functools.partial(Handler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


@pytest.fixture
def closed_port() -> int:
    with ThreadingHTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler) as server:
        return server.server_port


@pytest.fixture
def publish(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Registers the built-in VOC weights as published ones, which serve the better tiers."""
    for name in ("EASYSEG_OFFLINE", "EASYSEG_MIRROR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("EASYSEG_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(loader, "_told", set())

    def register(base: str, **changes) -> registry.Weights:
        built_in = registry.get(BUILT_IN)
        facts = {"file": None, "urls": (f"{base}/{built_in.file}",), "tiers": ("fast", "best")}
        published = dataclasses.replace(built_in, name=PUBLISHED, **{**facts, **changes})
        only_built_in = dataclasses.replace(built_in, tiers=("builtin",))
        records = {BUILT_IN: only_built_in, PUBLISHED: published}
        monkeypatch.setattr(registry, "_RECORDS", records)
        return published

    return register


def test_from_an_empty_cache_to_a_segmented_photograph(
    server: str, asked: list[str], publish, photographs: Path
) -> None:
    weights = publish(server)
    assert not loader.is_here(weights)
    segmenter = Segmenter("fast", dataset="voc", device="cpu")
    result = segmenter(photographs / "chelsea.jpg")
    assert result.model == PUBLISHED
    assert result.ratios["cat"] > 0.3
    assert loader.is_here(weights)
    file = download.weights_folder() / f"{PUBLISHED}.pt"
    assert file.read_bytes() == loader.built_in_file(registry.get(BUILT_IN)).read_bytes()
    assert loader.find(PUBLISHED, None) == (weights, file)
    assert len(asked) == 1


def test_a_tier_without_a_network_falls_back_with_one_warning(closed_port: int, publish) -> None:
    publish(f"http://127.0.0.1:{closed_port}")
    with pytest.warns(EasysegWarning) as caught:
        weights, path = loader.find(" Fast", "voc")
    [warning] = caught
    for part in (
        f"the 'fast' model {PUBLISHED} is not here", f"built-in {BUILT_IN} runs instead",
        "there is no network", f"easyseg download {PUBLISHED}",
    ):  # fmt: skip
        assert part in str(warning.message)
    assert weights.name == BUILT_IN
    assert path == loader.built_in_file(weights)
    with warnings.catch_warnings(record=True) as again:
        warnings.simplefilter("always")
        assert loader.find("fast", "voc")[0].name == BUILT_IN
        assert loader.find("best", "voc")[0].name == BUILT_IN
    assert again == []


def test_offline_a_tier_goes_straight_to_the_built_in_weights(
    server: str, asked: list[str], publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(server)
    monkeypatch.setenv("EASYSEG_OFFLINE", "1")
    with pytest.warns(EasysegWarning, match="EASYSEG_OFFLINE is set"):
        segmenter = Segmenter("fast", dataset="voc", device="cpu")
    assert segmenter.name == BUILT_IN
    assert asked == []


def test_offline_what_is_in_the_cache_is_used(
    server: str, publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(server)
    loader.find("fast", "voc")
    monkeypatch.setenv("EASYSEG_OFFLINE", "1")
    assert loader.find("fast", "voc")[0].name == PUBLISHED


def test_a_name_never_falls_back(
    closed_port: int, publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(f"http://127.0.0.1:{closed_port}")
    with pytest.raises(DownloadError, match="cannot be reached"):
        loader.find(PUBLISHED, None)
    monkeypatch.setenv("EASYSEG_OFFLINE", "1")
    with pytest.raises(DownloadError, match="EASYSEG_OFFLINE is set"):
        loader.find(PUBLISHED, "voc")


def test_a_tier_falls_back_for_lack_of_a_network_only(server: str, publish) -> None:
    publish(f"{server}/nowhere")
    with pytest.raises(DownloadError, match="the answer is 404"):
        loader.find("fast", "voc")


def test_without_built_in_weights_nothing_falls_back(
    closed_port: int, publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = publish(f"http://127.0.0.1:{closed_port}")
    monkeypatch.setattr(registry, "_RECORDS", {PUBLISHED: published})
    with pytest.raises(DownloadError, match="cannot be reached"):
        loader.find("fast", "voc")


def test_the_licence_is_told_once(server: str, publish, caplog: pytest.LogCaptureFixture) -> None:
    publish(server, notice="Not for commercial use: see https://example.org/licence")
    with caplog.at_level(logging.WARNING, "easyseg"):
        loader.find(BUILT_IN, None)
        assert caplog.messages == []
        loader.find(PUBLISHED, None)
        loader.find("fast", "voc")
    notice = "Not for commercial use: see https://example.org/licence"
    assert caplog.messages == [f"{PUBLISHED}: {notice}"]


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://a.org/b/model.safetensors", "published.voc.safetensors"),
        ("https://a.org/b/file.pth?download=true", "published.voc.pth"),
        ("https://a.org/b/file", "published.voc.pth"),
    ],
)
def test_names_in_the_cache(publish, url: str, name: str) -> None:
    weights = publish("", urls=(url, "https://a.org/c.h5"))
    remote = loader.remote_file(weights)
    assert remote == download.RemoteFile(name, weights.urls, weights.sha256, weights.size)
    assert remote.title == PUBLISHED


def test_weights_that_are_nowhere(publish) -> None:
    weights = publish("", urls=())
    assert not loader.is_here(weights)
    with pytest.raises(ModelError, match="published nowhere"):
        loader.find(PUBLISHED, None)


def test_what_is_built_in_is_here(publish) -> None:
    assert loader.is_here(registry.get(BUILT_IN))
    weights = publish("", file="missing.pt", urls=())
    assert not loader.is_here(weights)


@pytest.mark.parametrize("name", registry.names())
def test_every_record_can_be_fetched(name: str) -> None:
    weights = registry.get(name)
    if weights.file is None:
        assert loader.remote_file(weights).title == name
