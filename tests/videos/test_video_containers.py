"""Frames of files that are indexed by decoding times, and moments that fall between frames."""

from fractions import Fraction

import pytest
from test_video import FILM, greys

from easyseg.videos.source import VideoSource

INDEXED_BY_DECODING = ["broadcast.ts", "camcorder.m2ts", "dvd.mpg"]


@pytest.mark.parametrize("name", [*INDEXED_BY_DECODING, "old.avi", "film.mkv", "opus.webm"])
class TestEveryContainer:
    def test_all_frames_are_given_every_time(self, clips, name):
        with VideoSource(clips(name)) as source:
            assert greys(source) == list(range(30))
            assert greys(source) == list(range(30))

    @pytest.mark.parametrize("first", [1, 2, 3, 13, 29])
    def test_a_range_begins_where_it_is_to(self, clips, name, first):
        with VideoSource(clips(name), start=first / FILM, max_frames=1) as source:
            assert greys(source) == [first]

    def test_what_was_sought_is_not_damaged(self, clips, name):
        with VideoSource(clips(name), start=0.6) as source:
            list(source)
            assert source.skipped == 0

    def test_going_on_after_a_frame(self, clips, name):
        with VideoSource(clips(name)) as source:
            frame = list(source)[16]
            assert greys(source.after(16, frame.time, 17)) == list(range(17, 30))


def test_a_later_group_of_pictures_is_found(tmp_path, clips):
    from clips import make_clip

    long = make_clip(tmp_path / "long.ts", frames=600, rate=Fraction(25), size=(32, 48))
    for first in (249, 250, 251, 255, 500, 599):
        with VideoSource(long, start=first / 25, max_frames=1) as source:
            assert [frame.time for frame in source] == [Fraction(first, 25)]


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_a_moment_means_the_nearest_frame(tmp_path, name):
    from clips import make_clip

    clip = make_clip(tmp_path / name, frames=25, rate=Fraction(25), size=(32, 48))
    for number in range(1, 25):
        moment = number / 25  # none but .04, .08 and so on lies below what it is written for
        with VideoSource(clip, end=moment) as before, VideoSource(clip, start=moment) as after:
            assert [frame.time * 25 for frame in before] == list(range(number)), moment
            assert [frame.time * 25 for frame in after] == list(range(number, 25)), moment
            assert (before.expected_frames, after.expected_frames) == (number, 25 - number)
