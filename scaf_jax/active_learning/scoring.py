"""The scoring pass: what a network says of every face of a pool, for the choice among them.

Crop, network, landmarks, scores and embedding are one jitted step, sharded over the devices;
heatmaps never leave them. The pass may be interrupted at any time and continues where it was.
"""

import copy
import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from scaf_jax.choosing import acquisition
from scaf_jax.data import geometry, sources
from scaf_jax.files.places import Place
from scaf_jax.inference import bundle, one_pass, steps
from scaf_jax.runs import identity

Array = np.ndarray
PyTree = Any


@dataclasses.dataclass(frozen=True)
class PoolScores:
    """What the network says of a pool's N faces, in the pool's order.

    Attributes:
      keys: The faces' keys.
      landmarks: (N, L, 2) float64, photo pixels; 0 is the center of the first pixel.
      nnm: (N,) float32, higher = less sure.
      entropy: (N,) float32, higher = less sure; None if it was not asked for.
      embeddings: (N, 99) float32.
      faintness: (N,) float64, see `acquisition.faintness`.
      disagreement: (N,) float64, see `acquisition.disagreement`; None if it was not asked for.
    """

    keys: list[str]
    landmarks: Array
    nnm: Array
    entropy: Array | None
    embeddings: Array
    faintness: Array
    disagreement: Array | None

    def uncertainty(self, name: str) -> Array | None:
        """Returns the score of this name (`acquisition.UNCERTAINTIES`), or None for ''."""
        return getattr(self, name) if name else None


class PoolScorer:
    """The scoring step of one trained network."""

    def __init__(
        self,
        network: bundle.Bundle,
        settings: one_pass.PassSettings,
        *,
        with_entropy: bool = False,
        with_disagreement: bool = False,
    ) -> None:
        """Takes a network.

        Args:
          network: The network.
          settings: How a pass uses the machine.
          with_entropy: Whether to compute the entropy as well, which costs more than NNM.
          with_disagreement: Whether to look at changed copies as well, three further passes.
        """
        self._network, self._with_entropy = network, with_entropy
        permutation = network.scheme.flip_permutation if with_disagreement else ()
        self._with_disagreement = with_disagreement
        step = functools.partial(
            steps.score,
            graphdef=network.graphdef,
            codec=network.codec,
            decoder=network.decoder,
            mesh=settings.mesh,
            with_entropy=with_entropy,
            copies_permutation=permutation,
        )
        inputs = ("image", "matrix", "valid")
        self._pass = one_pass.OnePass(
            step, network, settings, title="score pool", doing="scoring", inputs=inputs
        )
        self._header: dict[str, str] | None = None

    def of(self, network: bundle.Bundle) -> "PoolScorer":
        """Returns a scorer of another network of the same architecture, compiled already."""
        other = copy.copy(self)
        other._network, other._header = network, None
        other._pass = self._pass.of(network)
        return other

    def score(self, source: sources.Source, folder: Place | None) -> PoolScores:
        """Scores all faces of a source; all processes must call it.

        Args:
          source: The faces; labels are not looked at.
          folder: Keeps what is scored; the same faces are not scored twice by the same network.
            None keeps nothing.

        Raises:
          ValueError: The source is empty.
          stopping.Interrupted: A signal asked to stop; what is scored is kept.
        """
        keys = source.keys
        if not keys:
            raise ValueError("there are no faces to score")
        kept = None
        if folder is not None:
            kept = one_pass.Kept(folder, self._identity() | {"faces": identity.digest(keys)})
        # Of the images, since these are what annotators see.
        rows = self._pass.run(source, of_image=True, kept=kept)
        convention = self._network.crop.pixel_convention
        landmarks = geometry.to_photo(rows["landmarks"], rows["matrix"], convention)
        sizes = acquisition.face_sizes(rows["landmarks"])
        apart = None
        if self._with_disagreement:
            apart = acquisition.disagreement(rows["copies"].swapaxes(0, 1), sizes)
        return PoolScores(
            keys=list(keys),
            landmarks=landmarks,
            nnm=rows["nnm"],
            entropy=rows.get("entropy"),
            embeddings=rows["embeddings"],
            faintness=acquisition.faintness(rows["heights"], sizes),
            disagreement=apart,
        )

    def _identity(self) -> dict[str, str]:
        """What the scores depend on, but for the faces; a computation on all devices."""
        if self._header is None:
            network = self._network
            chosen = {
                "input_size": network.architecture.input_size,
                "width_multiplier": network.architecture.width_multiplier,
                "compute_dtype": network.architecture.compute_dtype,
                "decoder": network.decoder,
                "skips": network.architecture.skips,
                "crop": network.crop.to_dict(),
                "codec": dataclasses.asdict(network.codec),
            }
            if network.crop.pixel_convention == "corners":
                # Earlier scores of stored parts of photos were up to half a pixel off.
                chosen["half_pixels_of"] = "photo"
            checksums = jax.tree.leaves(_checksums(self._pass.weights))
            self._header = {
                "settings": identity.digest(chosen),
                "weights": identity.digest([int(x) for x in checksums]),
                "entropy": str(self._with_entropy),
                "heights": "True",
                "copies": str(self._with_disagreement),
            }
        return self._header


@jax.jit
def _checksums(tree: PyTree) -> PyTree:
    """A number for each array that depends on its every bit and its order, but not on sharding."""

    def of_array(x: jax.Array) -> jax.Array:
        bits = lax.bitcast_convert_type(x.astype(jnp.float32), jnp.uint32).reshape(-1)
        # Sums of integers wrap around, so that their order does not matter.
        return (bits * (2 * jnp.arange(bits.size, dtype=jnp.uint32) + 1)).sum(dtype=jnp.uint32)

    return jax.tree.map(of_array, tree)
