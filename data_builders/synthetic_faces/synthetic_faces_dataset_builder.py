"""Procedural faces with exact 68 and 98 landmarks: needs no download.

Landmarks are pixels of the image, 0 at the center of the first pixel; boxes are in pixel edges,
0 at the image's border.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from data_builders.synthetic_faces.examples import examples

# Faces of different seeds are drawn independently: no face of one split is in another.
_SEEDS = {"train": 1, "test": 2}


@dataclasses.dataclass(kw_only=True)
class SyntheticFacesConfig(tfds.core.BuilderConfig):
    """How many faces, and how large.

    Attributes:
      num_train: Faces in the split `train`.
      num_test: Faces in the split `test`.
      image_size: Side of the images in pixels. A face takes about half of it, so that augmented
        crops find some surroundings.
    """

    num_train: int = 4000
    num_test: int = 500
    image_size: int = 160


class Builder(tfds.core.GeneratorBasedBuilder):
    """Procedural faces under pose, expression, light and occlusion."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    BUILDER_CONFIGS = [
        SyntheticFacesConfig(name="standard", description="4000 faces to train, 500 to test."),
        SyntheticFacesConfig(
            name="small",
            description="2000 faces to train, 300 to test: rendered in a minute, for the demo.",
            num_train=2000,
            num_test=300,
        ),
        SyntheticFacesConfig(
            name="tiny",
            description="64 faces to train, 32 to test: for trying things out.",
            num_train=64,
            num_test=32,
        ),
    ]

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    # Encoded, so that neither preparing nor reading needs TensorFlow.
                    "image": tfds.features.Tensor(
                        shape=(), dtype=np.object_, doc="A JPEG file's bytes."
                    ),
                    "landmarks": tfds.features.Tensor(
                        shape=(68, 2),
                        dtype=np.float32,
                        doc="iBUG scheme: x, y in pixels; 0 is the center of the first pixel.",
                    ),
                    "landmarks_98": tfds.features.Tensor(
                        shape=(98, 2), dtype=np.float32, doc="WFLW scheme, likewise."
                    ),
                    "box_detector": tfds.features.Tensor(
                        shape=(4,), dtype=np.float32, doc="x0, y0, x1, y1, as a detector's."
                    ),
                    "box_ground_truth": tfds.features.Tensor(
                        shape=(4,), dtype=np.float32, doc="x0, y0, x1, y1 around the 68 landmarks."
                    ),
                    "key": tfds.features.Text(doc="Split and index."),
                    "subset": tfds.features.Text(doc="The split."),
                    "index": tfds.features.Scalar(dtype=np.int32, doc="Place in the split."),
                }
            ),
            # 'The first N labels' means the rendered order.
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        del dl_manager  # nothing to download
        config = self.builder_config
        assert isinstance(config, SyntheticFacesConfig)
        return {
            "train": self._generate_examples("train", config.num_train, config.image_size),
            "test": self._generate_examples("test", config.num_test, config.image_size),
        }

    def _generate_examples(
        self, split: str, count: int, size: int
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        for example in examples(_SEEDS[split], split, count, size):
            yield example["index"], example
