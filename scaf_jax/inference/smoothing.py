"""Smooths landmarks over the frames of a video: still ones lie still, moving ones do not lag.

Source: the One-Euro filter (Casiez, Roussel and Vogel, CHI 2012), a low-pass whose cutoff rises
with speed.
"""

import dataclasses
import math
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclasses.dataclass(frozen=True)
class OneEuroSettings:
    """How strongly landmarks are smoothed.

    Attributes:
      cutoff: Of landmarks that lie still, Hz; lower is smoother.
      gain: How much the cutoff rises with speed, Hz for each face size a second.
      speed_cutoff: Of the speed itself, Hz.
    """

    cutoff: float = 1.5
    gain: float = 3.0
    speed_cutoff: float = 1.0


class OneEuro:
    """The filter of one face."""

    def __init__(self, settings: OneEuroSettings | None = None) -> None:
        """Takes how strongly it smooths."""
        self._settings = settings or OneEuroSettings()
        self._time = 0.0
        self._points: Array | None = None
        self._speed: Array = np.zeros(0)

    def __call__(self, points: Array, time: float, size: float) -> npt.NDArray[np.float64]:
        """Returns the smoothed landmarks of the next frame.

        Args:
          points: (L, 2) pixels of the frame.
          time: Of the frame, seconds; later than that of the frame before, else it starts anew.
          size: Of the face, pixels: what is slow for a large face is fast for a small one.
        """
        points = np.asarray(points, np.float64)
        step = time - self._time
        self._time = time
        if self._points is None or step <= 0:
            self._points, self._speed = points, np.zeros_like(points)
            return points
        settings = self._settings
        speed = (points - self._points) / (step * max(size, 1e-6))
        self._speed = self._speed + _weight(settings.speed_cutoff, step) * (speed - self._speed)
        fast = np.linalg.norm(self._speed, axis=-1, keepdims=True)
        weight = _weight(settings.cutoff + settings.gain * fast, step)
        smoothed = self._points + weight * (points - self._points)
        self._points = smoothed
        return smoothed


def _weight(cutoff: Any, step: float) -> Any:
    """Of the new value, for a low-pass of that cutoff in Hz."""
    rate = 2 * math.pi * cutoff * step
    return rate / (rate + 1)
