"""Reads and writes videos, and reads cameras; PyAV, the extra `[video]`, is loaded when needed."""

import dataclasses
import fractions
import importlib
import pathlib
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from scaf_jax.data import images

Pixels = npt.NDArray[np.uint8]

EXTENSIONS = (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".3gp")
EXTRA = "video"
# Of what a file says of its length, below which it was cut short.
_WHOLE = 0.98
_TICKS = 1000  # a second, of written videos
_BASE = fractions.Fraction(1, _TICKS)


class VideoError(ValueError):
    """A video or camera cannot be used, or not to its end; the message names it."""


@dataclasses.dataclass(frozen=True)
class Frame:
    """A frame.

    Attributes:
      number: Its place in the video, from 0.
      time: Seconds from the video's start.
      pixels: (H, W, 3) uint8 RGB, the way up that it is shown.
    """

    number: int
    time: float
    pixels: Pixels


def read(path: pathlib.Path) -> Iterator[Frame]:
    """Yields the frames of a video, one after the other.

    Args:
      path: The file.

    Raises:
      VideoError: PyAV is not installed, the file is no video, or it ends before it says so; then
        after the frames that there are.
    """
    av, name = _library(), images.printable_name(str(path))
    if not path.is_file():  # a named pipe would be waited for
        raise VideoError(f"{name}: {'not a file' if path.exists() else 'there is no such video'}")
    try:
        container = av.open(str(path))
    except (OSError, av.error.FFmpegError) as error:
        reason = getattr(error, "strerror", None) or error
        raise VideoError(f"{name}: not a readable video ({reason}); it may be cut short") from error
    with container:
        if not container.streams.video:
            raise VideoError(f"{name}: there is no picture in it")
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        told, number, start = stream.frames, -1, None
        try:
            for number, frame in enumerate(container.decode(stream)):
                time = frame.time if frame.time is not None else number / (stream.base_rate or 25)
                start = time if start is None else start
                yield Frame(number, max(float(time - start), 0.0), _upright(frame, name))
        except (OSError, av.error.FFmpegError) as error:
            raise VideoError(
                f"{name}: damaged after {number + 1} frames ({error.strerror}); what comes later "
                "was not looked at"
            ) from error
        if number < 0 or number + 1 < _WHOLE * told:
            raise VideoError(
                f"{name}: cut short: there are {number + 1} frames"
                + (f" of the {told} that it tells of" if told else "")
            )


def read_camera(index: int) -> Iterator[Frame]:
    """Yields the frames of a camera until it is switched off.

    Args:
      index: Which of the machine's cameras, from 0.

    Raises:
      VideoError: There is no such camera, or it gives no picture.
    """
    camera = cv2.VideoCapture(index)
    try:
        start, number = cv2.getTickCount(), 0
        while True:
            there, pixels = camera.read() if camera.isOpened() else (False, None)
            if not there or pixels is None:
                break
            time = (cv2.getTickCount() - start) / cv2.getTickFrequency()
            yield Frame(number, time, np.ascontiguousarray(pixels[..., ::-1]).astype(np.uint8))
            number += 1
    finally:
        camera.release()
    if not number:
        raise VideoError(f"camera {index}: there is none, or it gives no picture")


class VideoWriter:
    """An MP4 file that can be watched even where its writing was stopped; use it with `with`."""

    def __init__(self, path: pathlib.Path) -> None:
        """Begins a file; raises VideoError where PyAV is not installed."""
        self._av = _library()
        options = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
        self._container: Any = self._av.open(str(path), "w", format="mp4", options=options)
        self._stream: Any = None
        self._last = -1

    def add(self, frame: Frame) -> None:
        """Adds a frame; all have the size of the first, an odd row or column is left out."""
        height, width = (side // 2 * 2 for side in frame.pixels.shape[:2])
        if self._stream is None:
            codec = "libx264" if "libx264" in self._av.codecs_available else "mpeg4"
            self._stream = self._container.add_stream(codec, rate=_TICKS)
            self._stream.width, self._stream.height = width, height
            self._stream.pix_fmt = "yuv420p"
            self._stream.time_base = self._stream.codec_context.time_base = _BASE
        pixels = frame.pixels
        if (width, height) != (self._stream.width, self._stream.height):
            pixels = cv2.resize(pixels, (self._stream.width, self._stream.height))
        pixels = pixels[: self._stream.height, : self._stream.width]
        encoded = self._av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
        self._last = encoded.pts = max(round(frame.time * _TICKS), self._last + 1)
        encoded.time_base = _BASE
        self._mux(encoded)

    def close(self) -> None:
        """Ends the file."""
        if self._stream is not None:
            self._mux(None)
        self._container.close()

    def _mux(self, frame: Any) -> None:
        """Writes what the encoder makes of a frame, or has kept until the end."""
        for packet in self._stream.encode(frame):
            # Not the stream's, which becomes another one with the first packet that is written.
            packet.time_base = _BASE
            self._container.mux(packet)

    def __enter__(self) -> "VideoWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _upright(frame: Any, name: str) -> Pixels:
    if frame.width * frame.height > images.MAX_PIXELS:
        raise VideoError(f"{name}: frames of more than {images.MAX_PIXELS} pixels; make it smaller")
    pixels = frame.to_ndarray(format="rgb24")
    # Phones store the picture as the sensor lies, and say by how much it is to be turned.
    return np.ascontiguousarray(np.rot90(pixels, round((frame.rotation or 0) / 90)))


def _library() -> Any:
    try:
        return importlib.import_module("av")
    except ImportError as error:
        raise VideoError(
            f"videos need PyAV, which is not installed: pip install 'scaf_jax[{EXTRA}]'"
        ) from error
