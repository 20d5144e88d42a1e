"""One download against all that servers and networks do to it."""

import contextlib
import email.utils
import io
import sys
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from easyseg import download
from easyseg.download import RemoteFile, UnreachableError, fetching, files
from easyseg.errors import DownloadError, InputError

BODY = bytes(range(256)) * 1000
OTHER = BODY[::-1]
NAME = "net.voc.pth"

CHUNK = 65_536
"""Bytes that come together or not at all."""

PLACE = 2 * CHUNK
"""Where connections are cut, unless told otherwise."""


def names(folder: Path) -> set[str]:
    """What lies in the cache, but for locks."""
    return {path.name for path in folder.iterdir() if path.suffix != ".lock"}


def test_a_file_comes_once(server, cache: Path, known) -> None:
    remote = known(BODY, server.publish("/net.pth", BODY))
    path = download.fetch(remote)
    assert path == cache / NAME
    assert path.read_bytes() == BODY
    assert names(cache) == {NAME}
    assert download.fetch(remote) == path
    assert len(server.requests) == 1


def test_an_unwanted_cut_at_every_kind_of_place(server, cache: Path, known, waits) -> None:
    places = (0, 1, CHUNK - 1, CHUNK, PLACE + 5, len(BODY) - 1)
    for abruptly in (False, True):
        for place in places:
            name = f"net{place}{abruptly}.pth"
            server.requests.clear()
            url = server.publish(f"/{name}", BODY, cuts=(place,), abruptly=abruptly)
            path = download.fetch(known(BODY, url, name=name), patience=waits.patience)
            assert path.read_bytes() == BODY
            first, second = server.ranges()
            assert first is None
            if not abruptly:  # a reset may overtake bytes that were sent before it
                kept = place // CHUNK * CHUNK
                assert second == (f"bytes={kept}-" if kept else None)
    assert len(waits) == 2 * len(places)


def test_many_cuts(server, cache: Path, known, waits) -> None:
    url = server.publish("/net.pth", BODY, cuts=(CHUNK, CHUNK, 1, 0))
    assert download.fetch(known(BODY, url), patience=waits.patience).read_bytes() == BODY
    assert server.ranges() == [None, *(f"bytes={n}-" for n in (CHUNK, PLACE, PLACE, PLACE))]
    for wait, longest in zip(waits, (1, 2, 4, 8), strict=True):
        assert longest / 2 <= wait <= longest
    assert [headers.get("If-Range") for _, headers in server.requests[1:]] == ['"first"'] * 4


def test_a_try_that_brought_much_is_no_failure(
    server, cache: Path, known, waits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "_PROGRESS", CHUNK)
    url = server.publish("/net.pth", 4 * BODY, cuts=(CHUNK,) * 12)
    path = download.fetch(known(4 * BODY, url), patience=waits.patience)
    assert path.read_bytes() == 4 * BODY
    assert len(waits) == 12
    assert max(waits) <= 1.0


def test_a_cut_within_the_headers(server, cache: Path, known, waits) -> None:
    url = server.publish("/net.pth", BODY)
    good = server.answers["/net.pth"]

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Le")
        handler.close_connection = True
        server.answers["/net.pth"] = good

    server.answers["/net.pth"] = answer
    assert download.fetch(known(BODY, url), patience=waits.patience).read_bytes() == BODY
    assert len(waits) == 1


def test_what_has_come_is_kept_for_the_next_call(server, cache: Path, known, waits) -> None:
    url = server.publish("/net.pth", BODY, cuts=(PLACE, 0, 0, 0, 0))
    remote = known(BODY, url)
    with pytest.raises(DownloadError, match=r"broke off.*download net\.voc, .* after the 0\.1 MB"):
        download.fetch(remote, patience=waits.patience)
    assert names(cache) == {f"{NAME}.part", f"{NAME}.part.json"}
    assert not download.is_cached(remote)
    assert download.fetch(remote, patience=waits.patience).read_bytes() == BODY
    assert server.ranges()[-1] == "bytes=131072-"


@pytest.mark.parametrize("digits", [64, 0])
def test_a_server_without_ranges(server, cache: Path, known, waits, digits: int) -> None:
    url = server.publish("/net.pth", BODY, cuts=(PLACE, PLACE + CHUNK), has_ranges=False)
    remote = known(BODY, url, digits=digits)
    assert download.fetch(remote, patience=waits.patience).read_bytes() == BODY


@pytest.mark.parametrize("digits", [64, 8, 0])
@pytest.mark.parametrize("checks_etag", [True, False])
def test_a_file_that_changes_between_tries(
    server, cache: Path, known, waits, digits: int, checks_etag: bool
) -> None:
    url = server.publish("/net.pth", OTHER, cuts=(PLACE,) + (0,) * 4)
    remote = known(BODY, url, digits=digits, has_size=False)
    with pytest.raises(DownloadError):
        download.fetch(remote, patience=waits.patience)
    server.publish("/net.pth", BODY, etag='"second"', checks_etag=checks_etag)
    assert download.fetch(remote, patience=waits.patience).read_bytes() == BODY


@pytest.mark.parametrize("etag", ["", 'W/"weak"'])
@pytest.mark.parametrize(("digits", "expected"), [(64, "bytes=131072-"), (0, None)])
def test_without_a_voucher_only_a_hash_lets_it_go_on(
    server, cache: Path, known, waits, etag: str, digits: int, expected: str | None
) -> None:
    url = server.publish("/net.pth", BODY, etag=etag, cuts=(PLACE,))
    remote = known(BODY, url, digits=digits)
    assert download.fetch(remote, patience=waits.patience).read_bytes() == BODY
    assert server.ranges() == [None, expected]


def test_the_time_of_a_file_is_a_voucher(server, cache: Path, known, waits) -> None:
    date = "Wed, 21 Oct 2015 07:28:00 GMT"
    url = server.publish("/a", BODY, etag="", checks_etag=False, cuts=(CHUNK,), Last_Modified=date)
    download.fetch(known(BODY, url, digits=0), patience=waits.patience)
    assert server.requests[1][1]["If-Range"] == date


def test_a_compressed_answer_is_not_continued(server, cache: Path, known, waits) -> None:
    import gzip

    packed = gzip.compress(BODY)
    url = server.serve("/a", packed, Content_Encoding="gzip", ETag='"a"', send=len(packed) // 2)
    with pytest.raises(DownloadError, match="broke off"):
        download.fetch(known(BODY, url, digits=0, has_size=False), patience=waits.patience)
    server.serve("/a", packed, Content_Encoding="gzip", ETag='"a"')
    remote = known(BODY, url, digits=0, has_size=False)
    assert download.fetch(remote, patience=waits.patience).read_bytes() == BODY
    assert set(server.ranges()) == {None}


def test_a_body_that_cannot_be_decoded_is_tried_again(server, cache: Path, known, waits) -> None:
    url = server.serve("/a", b"no gzip at all", Content_Encoding="gzip")
    with pytest.raises(DownloadError, match="broke off"):
        download.fetch(known(BODY, url), patience=waits.patience)
    assert len(waits) == 4


class TestWrongBytes:
    def test_once(self, server, cache: Path, known, waits) -> None:
        url = server.url("/net.pth")

        def answer(handler: BaseHTTPRequestHandler) -> None:
            server.publish("/net.pth", BODY)
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(OTHER)))
            handler.end_headers()
            handler.wfile.write(OTHER)

        server.answers["/net.pth"] = answer
        assert download.fetch(known(BODY, url), patience=waits.patience).read_bytes() == BODY
        assert server.ranges() == [None, None]

    @pytest.mark.parametrize("digits", [64, 8])
    def test_always(self, server, cache: Path, known, waits, digits: int) -> None:
        remote = known(BODY, server.publish("/net.pth", OTHER), digits=digits)
        message = rf"SHA-256 begins with \w{{8}}, not {remote.sha256[:8]}.*--from FILE net\.voc"
        with pytest.raises(DownloadError, match=message):
            download.fetch(remote, patience=waits.patience)
        assert names(cache) == set()
        assert len(server.requests) == 2

    def test_after_going_on(self, server, cache: Path, known, waits) -> None:
        """The first part is of another file, which only the hash shows."""
        remote = known(BODY, server.publish("/net.pth", BODY))
        cache.mkdir(parents=True)
        (cache / f"{NAME}.part").write_bytes(OTHER[:PLACE])
        assert download.fetch(remote, patience=waits.patience).read_bytes() == BODY
        assert server.ranges() == ["bytes=131072-", None]

    def test_the_next_address_has_the_right_ones(self, server, cache: Path, known, waits) -> None:
        urls = (server.publish("/wrong.pth", OTHER), server.publish("/right.pth", BODY))
        assert download.fetch(known(BODY, *urls), patience=waits.patience).read_bytes() == BODY

    def test_a_web_page_is_no_file(self, server, cache: Path, known, waits) -> None:
        url = server.serve("/net.pth", b"<html>log in", Content_Type="text/html; charset=utf-8")
        with pytest.raises(DownloadError, match="gives a web page"):
            download.fetch(RemoteFile(NAME, (url,)), patience=waits.patience)
        assert names(cache) == set()

    def test_an_empty_file_is_none(self, server, cache: Path, waits) -> None:
        remote = RemoteFile(NAME, (server.serve("/net.pth", b""),))
        with pytest.raises(DownloadError, match="empty"):
            download.fetch(remote, patience=waits.patience)
        assert names(cache) == set()


class TestWrongLength:
    def test_another_than_the_known_one(self, server, cache: Path, known, waits) -> None:
        url = server.publish("/net.pth", BODY + b"more")
        with pytest.raises(DownloadError, match=r"has a file of 256,004 bytes, not 256,000"):
            download.fetch(known(BODY, url, digits=0), patience=waits.patience)
        assert names(cache) == set()

    def test_more_is_announced_than_sent(self, server, cache: Path, known, waits) -> None:
        url = server.serve("/net.pth", BODY + b"more", send=len(BODY), ETag='"a"')
        with pytest.raises(DownloadError, match="broke off"):
            download.fetch(known(BODY, url, has_size=False), patience=waits.patience)
        assert NAME not in names(cache)

    def test_less_is_announced_than_sent(self, server, cache: Path, known, waits) -> None:
        url = server.serve("/net.pth", BODY[:-4], send=len(BODY))
        with pytest.raises(DownloadError, match="SHA-256"):
            download.fetch(known(BODY, url, has_size=False), patience=waits.patience)
        assert NAME not in names(cache)

    @pytest.mark.parametrize("body", [BODY + b"more", BODY[:-4]])
    def test_nothing_is_announced(self, server, cache: Path, known, waits, body: bytes) -> None:
        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(200)
            handler.end_headers()
            handler.wfile.write(body)

        server.answers["/net.pth"] = answer
        remote = known(BODY, server.url("/net.pth"), digits=0)
        with pytest.raises(DownloadError, match=r"sends more than|255,996 of 256,000"):
            download.fetch(remote, patience=waits.patience)
        assert NAME not in names(cache)

    @pytest.mark.parametrize("content_range", ["bytes 5-9/10", "bytes */x", "items 100000-1/2", ""])
    def test_another_range_than_asked_for(
        self, server, cache: Path, known, waits, content_range: str
    ) -> None:
        url = server.publish("/net.pth", BODY, cuts=(PLACE,))
        good = server.answers["/net.pth"]

        def answer(handler: BaseHTTPRequestHandler) -> None:
            if "Range" not in handler.headers:
                good(handler)
                return
            handler.send_response(206)
            handler.send_header("Content-Range", content_range)
            handler.send_header("Content-Length", str(len(OTHER)))
            handler.end_headers()
            handler.wfile.write(OTHER)

        server.answers["/net.pth"] = answer
        assert download.fetch(known(BODY, url), patience=waits.patience).read_bytes() == BODY


class TestRefusals:
    @pytest.mark.parametrize("status", [403, 404, 410, 451])
    def test_the_next_address_is_asked_at_once(
        self, server, cache: Path, known, waits, status: int
    ) -> None:
        urls = (server.serve("/a", b"", status=status), server.publish("/b", BODY))
        assert download.fetch(known(BODY, *urls), patience=waits.patience).read_bytes() == BODY
        assert waits == []
        assert len(server.requests) == 2

    def test_the_error_names_all(self, server, cache: Path, known, waits) -> None:
        urls = (server.serve("/a", b"", status=404), server.serve("/b", b"", status=403))
        with pytest.raises(DownloadError) as caught:
            download.fetch(known(BODY, *urls), patience=waits.patience)
        assert not isinstance(caught.value, UnreachableError)
        for part in (
            NAME, f"{urls[0]} cannot be fetched: the answer is 404", urls[1], "403",
            "easyseg download net.voc", "easyseg download --from FILE net.voc",
        ):  # fmt: skip
            assert part in str(caught.value)

    @pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
    def test_faults_pass(self, server, cache: Path, known, waits, status: int) -> None:
        url = server.url("/a")

        def answer(handler: BaseHTTPRequestHandler) -> None:
            if len(server.requests) == 3:
                server.publish("/a", BODY)
            handler.send_response(status)
            handler.send_header("Content-Length", "0")
            handler.end_headers()

        server.answers["/a"] = answer
        assert download.fetch(known(BODY, url), patience=waits.patience).read_bytes() == BODY
        assert len(waits) == 3

    def test_patience_ends(self, server, cache: Path, known, waits) -> None:
        with pytest.raises(DownloadError, match="the answer is 500"):
            download.fetch(
                known(BODY, server.serve("/a", b"", status=500)), patience=waits.patience
            )
        assert len(server.requests) == 5
        assert len(waits) == 4

    def test_a_fault_does_not_cost_what_has_come(self, server, cache: Path, known, waits) -> None:
        remote = known(BODY, server.publish("/a", BODY, cuts=(PLACE, 0, 0, 0, 0)))
        with pytest.raises(DownloadError):
            download.fetch(remote, patience=waits.patience)
        server.serve("/a", b"sorry", status=500)
        with pytest.raises(DownloadError):
            download.fetch(remote, patience=waits.patience)
        assert (cache / f"{NAME}.part").stat().st_size == PLACE

    @pytest.mark.parametrize(
        ("text", "shortest", "longest"),
        [("7", 7, 7), ("0", 0.5, 1), ("86400", 60, 60), ("soon", 0.5, 1), ("nan", 0.5, 1)],
    )
    def test_retry_after(
        self, server, cache: Path, known, waits, text: str, shortest: float, longest: float
    ) -> None:
        url = server.serve("/a", b"", status=429, Retry_After=text)
        with pytest.raises(DownloadError):
            download.fetch(known(BODY, url), patience=waits.patience)
        assert shortest <= waits[0] <= longest

    def test_retry_after_a_date(self, server, cache: Path, known, waits) -> None:
        date = email.utils.formatdate(time.time() + 30, usegmt=True)
        url = server.serve("/a", b"", status=503, Retry_After=date)
        with pytest.raises(DownloadError):
            download.fetch(known(BODY, url), patience=waits.patience)
        assert 20 <= waits[0] <= 30

    def test_a_redirect_is_followed_when_going_on_too(
        self, server, cache: Path, known, waits
    ) -> None:
        server.publish("/real.pth", BODY, cuts=(PLACE,))
        url = server.serve("/net.pth", b"", status=302, Location="/real.pth")
        assert download.fetch(known(BODY, url), patience=waits.patience).read_bytes() == BODY
        assert server.requests[-1][1]["Range"] == "bytes=131072-"


class TestNetwork:
    @pytest.mark.parametrize("place", [None, PLACE])
    def test_a_stall(self, server, cache: Path, known, waits, place: int | None) -> None:
        url = server.publish("/a", BODY)
        good = server.answers["/a"]

        def answer(handler: BaseHTTPRequestHandler) -> None:
            server.answers["/a"] = good
            if place is not None:
                handler.send_response(200)
                handler.send_header("Content-Length", str(len(BODY)))
                handler.send_header("ETag", '"first"')
                handler.end_headers()
                handler.wfile.write(BODY[:place])
            server.release.wait(20)

        server.answers["/a"] = answer
        path = download.fetch(known(BODY, url), patience=waits.hasty_patience)
        assert path.read_bytes() == BODY
        assert server.ranges()[1] == (None if place is None else f"bytes={place}-")
        assert waits

    def test_no_network_is_known_at_once(self, closed_server, cache: Path, known, waits) -> None:
        urls = (closed_server.url("/a"), closed_server.url("/b"))
        with pytest.raises(UnreachableError, match=r"/a cannot be reached: .*/b cannot be reached"):
            download.fetch(known(BODY, *urls), patience=waits.patience)
        assert waits == []

    def test_a_network_that_goes_may_come_back(
        self, other_server, cache: Path, known, waits
    ) -> None:
        url = other_server.publish("/a", BODY, cuts=(PLACE,))
        patience = download.Patience(sleep=lambda _: waits.append(0) or other_server.close())
        with pytest.raises(UnreachableError, match="cannot be reached"):
            download.fetch(known(BODY, url), patience=patience)
        assert len(waits) == 4

    def test_another_address_goes_on_where_the_first_broke_off(
        self, server, other_server, cache: Path, known, waits
    ) -> None:
        first = server.publish("/a", BODY, cuts=(PLACE,) + (0,) * 4)
        second = other_server.publish("/b", BODY, etag='"another"')
        path = download.fetch(known(BODY, first, second), patience=waits.patience)
        assert path.read_bytes() == BODY
        [(_, headers)] = other_server.requests
        assert headers["Range"] == "bytes=131072-"
        assert "If-Range" not in headers

    def test_offline_asks_no_server(
        self, server, cache: Path, known, waits, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        remote = known(BODY, server.publish("/a", BODY))
        monkeypatch.setenv("EASYSEG_OFFLINE", "1")
        monkeypatch.setenv("EASYSEG_MIRROR", server.url("/mirror"))
        with pytest.raises(UnreachableError, match=r"OFFLINE is set.*--from FILE") as caught:
            download.fetch(remote, patience=waits.patience)
        assert str(caught.value).count("EASYSEG_OFFLINE") == 1
        assert server.requests == []
        monkeypatch.delenv("EASYSEG_OFFLINE")
        monkeypatch.delenv("EASYSEG_MIRROR")
        path = download.fetch(remote)
        monkeypatch.setenv("EASYSEG_OFFLINE", "1")
        assert download.fetch(remote) == path

    def test_passwords_are_kept(self, closed_server, server, cache: Path, known, waits) -> None:
        remote = known(BODY, f"http://me:secret@127.0.0.1:{closed_server.port}/a")
        with pytest.raises(DownloadError) as caught:
            download.fetch(remote, patience=waits.patience)
        assert "secret" not in str(caught.value)
        url = server.publish("/a", BODY, cuts=(CHUNK, 0, 0, 0, 0)).replace("//", "//me:secret@")
        with pytest.raises(DownloadError):
            download.fetch(known(BODY, url), patience=waits.patience)
        assert "secret" not in (cache / f"{NAME}.part.json").read_text("utf-8")


class TestMirror:
    def test_an_address_is_asked_first(
        self, server, other_server, cache: Path, known, waits, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("EASYSEG_MIRROR", other_server.url("/weights/"))
        other_server.publish(f"/weights/{NAME}", BODY)
        remote = known(BODY, server.publish("/a", BODY))
        assert download.fetch(remote, patience=waits.patience).read_bytes() == BODY
        assert server.requests == []

    def test_what_it_has_not_comes_from_the_publisher(
        self, server, cache: Path, known, waits, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("EASYSEG_MIRROR", server.url("/weights"))
        server.serve(f"/weights/{NAME}", b"", status=404)
        remote = known(BODY, server.publish("/a", BODY))
        assert download.fetch(remote, patience=waits.patience).read_bytes() == BODY

    @pytest.mark.parametrize("is_offline", ["0", "1"])
    def test_a_folder(
        self, server, cache: Path, known, tmp_path: Path, monkeypatch, is_offline: str
    ) -> None:
        monkeypatch.setenv("EASYSEG_MIRROR", str(tmp_path / "mirror"))
        monkeypatch.setenv("EASYSEG_OFFLINE", is_offline)
        (tmp_path / "mirror").mkdir()
        (tmp_path / "mirror" / NAME).write_bytes(BODY)
        path = download.fetch(known(BODY, server.publish("/a", BODY)))
        assert path.read_bytes() == BODY
        assert names(cache) == {NAME}
        assert server.requests == []

    @pytest.mark.parametrize("content", [None, OTHER, b""])
    def test_a_folder_without_the_right_file(
        self, server, cache: Path, known, tmp_path: Path, monkeypatch, waits, content: bytes | None
    ) -> None:
        monkeypatch.setenv("EASYSEG_MIRROR", str(tmp_path / "mirror"))
        if content is not None:
            (tmp_path / "mirror").mkdir()
            (tmp_path / "mirror" / NAME).write_bytes(content)
        remote = known(BODY, server.serve("/a", b"", status=404))
        with pytest.raises(DownloadError, match=r"mirror does not give net\.voc\.pth: it"):
            download.fetch(remote, patience=waits.patience)
        server.publish("/a", BODY)
        assert download.fetch(remote, patience=waits.patience).read_bytes() == BODY
        assert waits == []


class TestWhatIsInTheCache:
    def test_a_damaged_file_is_fetched_again(self, server, cache: Path, known, waits) -> None:
        remote = known(BODY, server.publish("/a", BODY))
        path = download.fetch(remote)
        for damaged in (BODY[:-1], b"", BODY[:-1] + b"?"):
            path.write_bytes(damaged)
            assert download.problem(remote)
            assert download.fetch(remote, patience=waits.patience).read_bytes() == BODY
        assert len(server.requests) == 4

    @pytest.mark.parametrize("digits", [0, 8])
    def test_without_a_published_hash_the_first_one_counts(
        self, server, cache: Path, known, waits, digits: int
    ) -> None:
        remote = known(BODY, server.publish("/a", BODY), digits=digits, has_size=False)
        path = download.fetch(remote)
        line = (cache / f"{NAME}.sha256").read_text("utf-8")
        assert line == f"{known(BODY).sha256}  {NAME}\n"
        path.write_bytes(BODY[:-1] + b"?")
        assert download.fetch(remote, patience=waits.patience).read_bytes() == BODY
        assert len(server.requests) == 2

    @pytest.mark.parametrize("line", ["", "x" * 64, "0" * 64, "0" * 63])
    def test_a_damaged_note_of_a_hash(self, server, cache: Path, known, waits, line: str) -> None:
        remote = known(BODY, server.publish("/a", BODY), digits=8, has_size=False)
        download.fetch(remote)
        (cache / f"{NAME}.sha256").write_text(line, "utf-8")
        assert download.fetch(remote, patience=waits.patience).read_bytes() == BODY
        assert len(server.requests) == 1

    def test_a_damaged_file_that_cannot_be_replaced_is_not_used(
        self, server, cache: Path, known, waits
    ) -> None:
        cache.mkdir(parents=True)
        (cache / NAME).write_bytes(OTHER)
        remote = known(BODY, server.serve("/a", b"", status=404))
        with pytest.raises(DownloadError, match=r"in the cache is damaged: its SHA-256.*404"):
            download.fetch(remote, patience=waits.patience)

    def test_it_is_hashed_once(
        self, server, cache: Path, known, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        remote = known(BODY, server.publish("/a", BODY))
        path = download.fetch(remote)
        download.fetch(remote)
        hashed: list[Path] = []
        true_hash = files.sha256_of
        monkeypatch.setattr(files, "sha256_of", lambda path: hashed.append(path) or true_hash(path))
        download.fetch(remote)
        assert hashed == []
        path.write_bytes(BODY)
        download.fetch(remote)
        assert hashed == [path]

    def test_all_came_but_was_not_checked(self, server, cache: Path, known, waits) -> None:
        """The process ended between the last byte and the new name."""
        url = server.publish("/a", BODY)
        cache.mkdir(parents=True)
        (cache / f"{NAME}.part").write_bytes(BODY)
        assert download.fetch(known(BODY, url)).read_bytes() == BODY
        assert server.requests == []
        (cache / NAME).replace(cache / f"{NAME}.part")
        assert download.fetch(known(BODY, url, has_size=False)).read_bytes() == BODY
        assert server.ranges() == [f"bytes={len(BODY)}-"]
        (cache / f"{NAME}.part").write_bytes(BODY + b"more")
        (cache / NAME).unlink()
        assert download.fetch(known(BODY, url), patience=waits.patience).read_bytes() == BODY

    def test_notes_that_cannot_be_read_are_ignored(self, server, cache: Path, known) -> None:
        url = server.publish("/a", BODY)
        for text in ("", "[1]", '{"source": 1}', '{"source": "a", "total": "b"}', "\\"):
            cache.mkdir(parents=True, exist_ok=True)
            (cache / f"{NAME}.part").write_bytes(OTHER[:5])
            (cache / f"{NAME}.part.json").write_text(text, "utf-8")
            assert download.fetch(known(BODY, url, digits=0)).read_bytes() == BODY
            download.remove(known(BODY))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class TestBar:
    @pytest.mark.parametrize("is_wanted", [True, False])
    def test_at_a_terminal(
        self, server, cache: Path, known, monkeypatch: pytest.MonkeyPatch, is_wanted: bool
    ) -> None:
        monkeypatch.setattr(sys, "stderr", Terminal())
        download.fetch(known(BODY, server.publish("/a", BODY)), progress=is_wanted)
        assert (f"{NAME}: 100%" in sys.stderr.getvalue()) is is_wanted

    def test_elsewhere(self, server, cache: Path, known, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "stderr", io.StringIO())
        download.fetch(known(BODY, server.publish("/a", BODY)))
        assert sys.stderr.getvalue() == ""
        monkeypatch.setattr(sys, "stderr", None)
        download.remove(known(BODY))
        download.fetch(known(BODY, server.url("/a")))


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "../net.pth"}, {"name": ""}, {"name": ".hidden"}, {"name": "a/b"},
        {"sha256": "xyz"}, {"sha256": "A" * 8}, {"sha256": "a" * 65}, {"size": -1},
    ],
)  # fmt: skip
def test_records_that_cannot_be(wrong) -> None:
    with pytest.raises(InputError, match=r"must be|plain name"):
        RemoteFile(**{"name": NAME, "urls": (), **wrong})


def test_a_file_that_is_published_nowhere(cache: Path) -> None:
    with pytest.raises(DownloadError, match="could not be fetched: no address is known"):
        download.fetch(RemoteFile(NAME, ()))


class TestWithoutAHash:
    def close_delimited(self, server, path: str, body: bytes) -> str:
        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(200)
            handler.end_headers()
            handler.wfile.write(body)

        server.answers[path] = answer
        return server.url(path)

    def test_a_body_of_no_known_length_is_not_taken(self, server, cache: Path, waits) -> None:
        url = self.close_delimited(server, "/a", BODY[:-1000])
        with pytest.raises(DownloadError, match="does not say how long the file is"):
            download.fetch(RemoteFile(NAME, (url,)), patience=waits.patience)
        assert NAME not in names(cache)

    def test_it_is_taken_where_its_content_tells(self, server, cache: Path, waits) -> None:
        def check(path: Path) -> str:
            return "" if path.read_bytes() == BODY else "it is cut"

        cut = self.close_delimited(server, "/a", BODY[:-1000])
        with pytest.raises(DownloadError, match="gives another file: it is cut"):
            download.fetch(RemoteFile(NAME, (cut,), check=check), patience=waits.patience)
        assert names(cache) == set()
        whole = self.close_delimited(server, "/b", BODY)
        remote = RemoteFile(NAME, (cut, whole), check=check)
        assert download.fetch(remote, patience=waits.patience).read_bytes() == BODY

    def test_the_first_one_counts_for_ever(self, server, cache: Path, known, waits) -> None:
        remote = known(BODY, server.publish("/a", BODY), digits=0, has_size=False)
        path = download.fetch(remote)
        server.publish("/a", OTHER, etag='"second"')
        path.write_bytes(b"damaged")
        with pytest.raises(DownloadError, match="gives another file: its SHA-256"):
            download.fetch(remote, patience=waits.patience)
        download.remove(remote)
        assert download.fetch(remote).read_bytes() == OTHER


def test_a_download_that_drips_comes_to_an_end(server, cache: Path, known) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        with contextlib.suppress(OSError):
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(BODY)))
            handler.end_headers()
            while not server.release.wait(0.02):
                handler.wfile.write(b"x")
                handler.wfile.flush()

    server.answers["/a"] = answer
    patience = download.Patience(timeout=(0.2, 0.3), tries=2, sleep=lambda _: None)
    with pytest.raises(DownloadError, match="too slow to come to an end"):
        download.fetch(known(BODY, server.url("/a")), patience=patience)


def test_a_rest_of_thousands_of_digits(server, cache: Path, known, waits) -> None:
    url = server.publish("/a", BODY, cuts=(PLACE,))
    good = server.answers["/a"]

    def answer(handler: BaseHTTPRequestHandler) -> None:
        if "Range" not in handler.headers:
            good(handler)
            return
        handler.send_response(206)
        handler.send_header("Content-Range", f"bytes {PLACE}-9/{'9' * 5001}")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    server.answers["/a"] = answer
    assert download.fetch(known(BODY, url), patience=waits.patience).read_bytes() == BODY
