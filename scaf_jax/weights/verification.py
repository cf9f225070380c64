"""Compares a weights file's networks with the same ones in PyTorch; loading it needs PyTorch.

The PyTorch networks take the tensors by their published names, so that one that is in the wrong
place here, or turned the wrong way, gives other numbers there.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
import torch  # pyright: ignore[reportMissingImports]
from numpy.typing import NDArray

from scaf_jax.models import torch_networks
from scaf_jax.training import preprocessing, state, tree_paths
from scaf_jax.weights import files, header, networks, published

Array = NDArray[Any]

TOLERANCE = 1e-4


class Difference(NamedTuple):
    """How far apart an output of two networks is.

    Attributes:
      largest: The largest absolute difference.
      scale: The largest absolute value of PyTorch's.
    """

    largest: float
    scale: float

    @property
    def is_small(self) -> bool:
        """Whether it is within `TOLERANCE`, relative to values above 1."""
        return self.largest <= TOLERANCE * max(1.0, self.scale)


def noise(input_size: int, count: int = 2) -> NDArray[np.uint8]:
    """Returns (count, S, S, 3) images of coarse and fine noise."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (count, 8, 8, 3))
    blocks = coarse.repeat(input_size // 8, axis=1).repeat(input_size // 8, axis=2)
    return np.clip(blocks + rng.integers(-20, 21, blocks.shape), 0, 255).astype(np.uint8)


def compare(
    weights: files.Weights, snapshot: published.Snapshot, images: NDArray[np.uint8]
) -> dict[str, Difference]:
    """Compares what networks make of images.

    Args:
      weights: The networks as ours.
      snapshot: The same as PyTorch's.
      images: (N, S, S, 3) RGB crops.

    Returns:
      By output: `embeddings`, and `heatmaps` of a landmark network, else `reconstructions` and,
      where the discriminators are there, their `verdicts`.
    """
    ours, theirs = _ours(weights, images), _theirs(weights.about, snapshot, images)
    return {
        name: Difference(float(np.abs(ours[name] - value).max()), float(np.abs(value).max()))
        for name, value in theirs.items()
    }


def _ours(weights: files.Weights, images: NDArray[np.uint8]) -> Mapping[str, Array]:
    about, tree = weights.about, tree_paths.nest(weights.arrays)
    graphdef = state.definition(networks.builder(about))[0]

    @jax.jit
    def run(params: Any, batch_stats: Any, images: jax.Array) -> dict[str, jax.Array]:
        model: Any = state.merge(graphdef, params, batch_stats)
        images = preprocessing.normalize(images)
        if about.marks is not None:
            maps, embeddings = model(images, train=False)
            return {"embeddings": embeddings, "heatmaps": maps}
        embeddings, _ = model["encoder"](images, train=False)
        outputs = {
            "embeddings": embeddings,
            "reconstructions": model["generator"](embeddings, train=False),
        }
        if "image_discriminator" in about.networks:
            outputs["image_verdicts"] = model["image_discriminator"](images, train=False)
            judge = model["embedding_discriminator"]
            outputs["embedding_verdicts"] = judge(embeddings, dropout_key=None)
        return outputs

    # Where PyTorch computes: accelerators round the factors of products.
    with jax.default_device(jax.local_devices(backend="cpu")[0]):
        outputs = run(tree["params"], tree["batch_stats"], images)
        return {name: np.asarray(value, np.float32) for name, value in outputs.items()}


@torch.inference_mode()
def _theirs(
    about: header.Header, snapshot: published.Snapshot, images: NDArray[np.uint8]
) -> Mapping[str, Array]:
    size, width, marks = about.input_size, about.width_multiplier, about.marks
    mean = torch.tensor(preprocessing.IMAGE_MEAN)
    pixels = (torch.from_numpy(images) / 255.0 - mean).permute(0, 3, 1, 2)
    if marks is not None:
        shape = marks.architecture
        model = torch_networks.Aligner(
            size,
            shape.heatmap_size,
            shape.num_landmarks,
            width,
            skips=shape.skips,
            with_gains=shape.skip_gain == "learned",
        )
        _load(model, snapshot)
        embeddings, _ = model.Q(pixels)
        return {"embeddings": embeddings.numpy(), "heatmaps": _nhwc(model(pixels))}
    model = torch_networks.Autoencoder(size, width, 0.0)
    with_judges = "image_discriminator" in about.networks
    _load(model, snapshot, strict=with_judges)
    embeddings, _ = model.Q(pixels)
    outputs = {
        "embeddings": embeddings.numpy(),
        "reconstructions": _nhwc(model.P(embeddings)),
    }
    if with_judges:
        outputs["image_verdicts"] = model.D(pixels).numpy()
        outputs["embedding_verdicts"] = model.D_z(embeddings).numpy()
    return outputs


def _load(model: torch.nn.Module, snapshot: published.Snapshot, *, strict: bool = True) -> None:
    counters = {n: t for n, t in model.state_dict().items() if n.endswith("num_batches_tracked")}
    tensors = {name: torch.tensor(array) for name, array in snapshot.tensors.items()}
    model.load_state_dict(counters | tensors, strict=strict)
    model.eval()


def _nhwc(tensor: torch.Tensor) -> Array:
    return np.moveaxis(tensor.numpy(), 1, -1)
