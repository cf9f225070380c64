"""Tests of videos: what is written is read, whole, cut short, turned, or no video at all."""

import fractions
import os
import sys

import cv2
import numpy as np
import pytest

from scaf_jax.inference import videos


def _frames(count: int) -> list[videos.Frame]:
    frames = []
    for number in range(count):
        pixels = np.full((48, 64, 3), 40, np.uint8)
        pixels[8:24, 4 + 2 * number : 20 + 2 * number] = (200, 100, 60)
        frames.append(videos.Frame(number, number / 10, pixels))
    return frames


def _write(path, frames):
    with videos.VideoWriter(path) as writer:
        for frame in frames:
            writer.add(frame)
    return path


@pytest.fixture
def written(tmp_path):
    pytest.importorskip("av")
    return _write(tmp_path / "video.mp4", _frames(12))


def test_what_is_written_is_read_again(written):
    found = list(videos.read(written))
    assert [frame.number for frame in found] == list(range(12))
    np.testing.assert_allclose([frame.time for frame in found], np.arange(12) / 10, atol=2e-3)
    for frame, expected in zip(found, _frames(12), strict=True):
        assert np.abs(frame.pixels.astype(int) - expected.pixels).mean() < 6
    odd = videos.Frame(0, 0.0, np.zeros((47, 63, 3), np.uint8))
    _write(written, [odd, videos.Frame(1, 0.0, np.zeros((90, 70, 3), np.uint8))])
    assert [frame.pixels.shape for frame in videos.read(written)] == [(46, 62, 3)] * 2


def test_a_video_longer_than_what_the_encoder_keeps_has_all_frames_in_time(tmp_path):
    pytest.importorskip("av")
    few = _frames(12)
    frames = [videos.Frame(i, i / 25 + (i > 50), few[i % 12].pixels) for i in range(90)]
    found = list(videos.read(_write(tmp_path / "long.mp4", frames)))
    expected = [frame.time for frame in frames]
    np.testing.assert_allclose([frame.time for frame in found], expected, atol=2e-3)


def test_a_video_that_was_cut_short_gives_what_there_is_and_says_so(written, tmp_path):
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(written.read_bytes()[: int(0.4 * written.stat().st_size)])
    with pytest.raises(videos.VideoError, match="cut.mp4: "):
        list(videos.read(cut))
    for name, content in (("text.mp4", b"no video"), ("empty.mp4", b"")):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(videos.VideoError, match=f"{name}: not a readable video"):
            list(videos.read(path))
    with pytest.raises(videos.VideoError, match="nowhere.mp4: there is no such video"):
        list(videos.read(tmp_path / "nowhere.mp4"))
    os.mkfifo(tmp_path / "pipe.mp4")  # nobody writes into it: opened, it would wait for ever
    with pytest.raises(videos.VideoError, match="pipe.mp4: not a file"):
        list(videos.read(tmp_path / "pipe.mp4"))


def test_frames_are_the_way_up_that_they_are_shown(tmp_path):
    av = pytest.importorskip("av")
    path = tmp_path / "turned.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=fractions.Fraction(10))
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.set_display_rotation(90)
        pixels = np.zeros((48, 64, 3), np.uint8)
        pixels[:24, :32] = 255  # top left
        for packet in stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")):
            container.mux(packet)
        container.mux(stream.encode())
    frame = next(videos.read(path))
    assert frame.pixels.shape == (64, 48, 3)
    assert frame.pixels[40:, :20].mean() > 200 and frame.pixels[:20].mean() < 50  # bottom left


def test_cameras(monkeypatch):
    class Camera:
        def __init__(self, index):
            self.left = 3 if index == 0 else 0

        def isOpened(self):
            return True

        def read(self):
            self.left -= 1
            blue = np.zeros((4, 6, 3), np.uint8) + np.array([255, 0, 0], np.uint8)
            return self.left >= 0, blue

        def release(self):
            self.left = -1

    monkeypatch.setattr(cv2, "VideoCapture", Camera)
    found = list(videos.read_camera(0))
    assert len(found) == 3 and found[0].pixels[0, 0].tolist() == [0, 0, 255]
    assert found[2].time >= found[1].time >= 0
    with pytest.raises(videos.VideoError, match="camera 1: there is none"):
        list(videos.read_camera(1))


def test_without_the_library_it_is_told_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(videos.VideoError, match=r"pip install 'scaf_jax\[video\]'"):
        list(videos.read(tmp_path / "video.mp4"))
