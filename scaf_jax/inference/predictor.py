"""What a landmark network says of faces: landmarks of whole sources, heatmaps of a few crops."""

import copy
import dataclasses
import functools

import jax
import numpy as np

from scaf_jax.data import geometry, sources
from scaf_jax.inference import bundle, one_pass, steps
from scaf_jax.training import programs, sharding

Array = np.ndarray

_PREFIX = "landmarks_"


@dataclasses.dataclass(frozen=True)
class Predictions:
    """What the network says of a source's N faces, in the source's order.

    Attributes:
      landmarks: (N, L, 2) float64 by decoder, photo pixels.
      photo_landmarks: (N, L, 2) float32, the true ones.
      landmark_mask: (N, L) bool.
      matrix: (N, 2, 3) float32, photo to crop.
      box_ground_truth: (N, 4) float32, whichever box was cropped: errors must not be divided by
        what a detector thinks.
      heights: (N, L) float32, of the maps' peaks.
      reconstruction_l1: (N,) float32, gray levels.
    """

    landmarks: dict[str, Array]
    photo_landmarks: Array
    landmark_mask: Array
    matrix: Array
    box_ground_truth: Array
    heights: Array
    reconstruction_l1: Array


class Predictor:
    """The prediction step of one trained network."""

    def __init__(
        self,
        network: bundle.Bundle,
        settings: one_pass.PassSettings,
        *,
        flip: bool = False,
        rebuilder: bundle.Bundle | None = None,
    ) -> None:
        """Takes a network.

        Args:
          network: The network.
          settings: How a pass uses the machine.
          flip: Whether heatmaps are averaged with those of the mirrored crop.
          rebuilder: A network of the same architecture whose encoder and generator rebuild faces
            in pictures, instead of this one's own: stage 2 bends the encoder towards landmarks.
        """
        self.network = network
        self._mesh = settings.mesh
        step = functools.partial(
            steps.predict,
            graphdef=network.graphdef,
            codec=network.codec,
            flip_permutation=network.scheme.flip_permutation if flip else (),
        )
        self._pass = one_pass.OnePass(step, network, settings, title="evaluate", doing="evaluating")
        self._inspect = programs.jitted(
            functools.partial(steps.inspect, graphdef=network.graphdef),
            out_shardings=sharding.replicated(self._mesh),
        )
        self._rebuilding = None
        if rebuilder is not None:
            weights = (rebuilder.params, rebuilder.batch_stats)
            self._rebuilding = one_pass.placed(weights, self._mesh)

    def of(self, network: bundle.Bundle) -> "Predictor":
        """Returns a predictor of another network of the same architecture, compiled already."""
        other = copy.copy(self)
        other.network, other._pass = network, self._pass.of(network)
        return other

    def predict(
        self, source: sources.Source, *, box: geometry.BoxKind | None = None
    ) -> Predictions:
        """Predicts the landmarks of all faces of a source.

        Args:
          source: The faces.
          box: Which of a record's boxes to crop from; by default the network's own.

        Raises:
          ValueError: The source is empty.
          stopping.Interrupted: A signal asked to stop.
        """
        crop = self.network.crop
        crop = dataclasses.replace(crop, box=box or crop.box)
        columns = self._pass.run(source, crop=crop, scheme=self.network.scheme)
        landmarks = {
            name.removeprefix(_PREFIX): geometry.to_photo(
                value, columns["matrix"], crop.pixel_convention
            )
            for name, value in columns.items()
            if name.startswith(_PREFIX)
        }
        fields = [field.name for field in dataclasses.fields(Predictions)]
        return Predictions(landmarks, **{name: columns[name] for name in fields[1:]})

    @property
    def rebuilds(self) -> bool:
        """Whether reconstructions are a stage 1's, and not those of an encoder that has left it."""
        return self._rebuilding is not None

    def inspect(self, images: Array) -> tuple[Array, Array]:
        """Returns heatmaps (N, H, H, L) and reconstructions (N, S, S, 3) uint8 of crops."""
        count = one_pass.divisible(len(images), self._mesh)
        padded = np.concatenate([images, np.zeros((count - len(images), *images.shape[1:]), "u1")])
        # Every process holds all of these few images.
        whole = jax.device_put(padded, sharding.replicated(self._mesh))
        heatmaps, reconstructions = self._inspect(*self._pass.weights, whole)
        if self._rebuilding is not None:
            _, reconstructions = self._inspect(*self._rebuilding, whole)
        return np.asarray(heatmaps)[: len(images)], np.asarray(reconstructions)[: len(images)]
