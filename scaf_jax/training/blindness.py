"""Whether a landmark network looks at its images: its loss beside that of predictors that do not.

The frozen generator's ReLUs can die, without skips as with them, when the path in front of them is
pushed too hard. The loss then stands still at that of maps which are the same for every face.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from absl import logging

LOSS, EMPTY, CONSTANT = "train/loss", "train/loss_of_empty_maps", "train/loss_of_constant_maps"

# Of the loss of constant maps, above which nothing was learned; both are means of many faces.
_SHARE = 0.97
# How long a high loss says nothing, as a part of the training and in steps: networks that learn
# slowly need up to 200 steps to fall below it, however short the training is.
_START, _SHORTEST_START, _LONGEST_START = 0.25, 200, 1000

ADVICE = (
    "lower alignment.learning_rate and alignment.encoder_learning_rate (to a third), lengthen "
    "alignment.warmup, clip gradients (alignment.gradient_clip=1), or, with skips, let them begin "
    "silent (alignment.skip_gain=learned)"
)


@dataclasses.dataclass(frozen=True)
class Sighting:
    """A network that looked at nothing, over one log interval.

    Attributes:
      step: The interval's last step.
      loss: Its mean loss.
      constant: The mean loss of the best maps that are the same for every face.
      empty: The mean loss of empty maps.
    """

    step: int
    loss: float
    constant: float
    empty: float

    def __str__(self) -> str:
        like = "empty ones" if self.loss > 0.5 * (self.constant + self.empty) else "constant ones"
        return (
            f"the network has stopped learning: at step {self.step} its loss is {self.loss:.3g}, "
            f"that of heatmaps which are the same for every face ({self.constant:.3g}; empty: "
            f"{self.empty:.3g}), here most like {like}. To try: {ADVICE}."
        )


def sighting(step: int, means: Mapping[str, Any], total_steps: int) -> Sighting | None:
    """Returns what one log line says of a blind network, or None.

    Args:
      step: The line's step.
      means: Its numbers, by name, means since the line before.
      total_steps: Length of the training.
    """
    values = [means.get(name) for name in (LOSS, CONSTANT, EMPTY)]
    start = min(max(_START * total_steps, _SHORTEST_START), _LONGEST_START)
    if step <= start or not all(isinstance(v, int | float) for v in values):
        return None
    loss, constant, empty = (float(v) for v in values if v is not None)
    blind = constant > 0 and loss >= _SHARE * constant
    return Sighting(step, loss, constant, empty) if blind else None


def last_sighting(lines: Sequence[Mapping[str, Any]], total_steps: int) -> Sighting | None:
    """Returns what the last line of a training's metrics says of a blind network, or None."""
    if not lines:
        return None
    return sighting(int(lines[-1]["step"]), lines[-1], total_steps)


class Watch:
    """Warns once of a network that has stopped learning."""

    def __init__(self, total_steps: int) -> None:
        """Takes the length of the training, in steps."""
        self._total_steps, self._warned = total_steps, False

    def __call__(self, step: int, means: Mapping[str, float]) -> None:
        """Looks at one log line: its step and its numbers by name."""
        found = sighting(step, means, self._total_steps)
        if found and not self._warned:
            self._warned = True
            logging.warning("%s", found)
