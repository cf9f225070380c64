"""What is fitted to a network after its training: corrections of boxes, and confidences."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from scaf_jax.data.box_corrections import BoxCorrection
from scaf_jax.files import json_fields
from scaf_jax.landmarks.confidence import Calibration

# Boxes of these kinds are corrected as well: the data set's own detector's, and those that are
# drawn tightly about landmarks.
DATA_SET_DETECTOR = "data_set"
LANDMARKS = "landmarks"


@dataclasses.dataclass(frozen=True)
class Fitted:
    """What was fitted; nothing by default.

    Attributes:
      boxes: By the kind of box, such as a detector's name: how such boxes become like those that
        the network was trained with.
      confidence: How sure landmarks are; None where no faces were held out to tell.
    """

    boxes: Mapping[str, BoxCorrection] = dataclasses.field(default_factory=dict)
    confidence: Calibration | None = None

    def __bool__(self) -> bool:
        return bool(self.boxes) or self.confidence is not None

    def to_dict(self) -> dict[str, Any]:
        """Returns it as JSON values, for `from_dict`."""
        return {
            "boxes": {name: correction.to_dict() for name, correction in self.boxes.items()},
            "confidence": None if self.confidence is None else self.confidence.to_dict(),
        }

    @classmethod
    def from_dict(cls, content: Any) -> "Fitted":
        """Returns what `to_dict` gave.

        Raises:
          ValueError: A field is missing, unknown or wrong; the message names it.
        """
        json_fields.check(content, {"boxes": dict, "confidence": (dict, type(None))})
        boxes = {}
        for name, values in content["boxes"].items():
            try:
                boxes[name] = BoxCorrection.from_dict(values)
            except ValueError as error:
                raise ValueError(f"boxes.{name}: {error}") from error
        if content["confidence"] is None:
            return cls(boxes)
        try:
            return cls(boxes, Calibration.from_dict(content["confidence"]))
        except ValueError as error:
            raise ValueError(f"confidence: {error}") from error
