"""What a network is asked of a batch of crops: pure functions of parameters, statistics, batch.

A batch is one of `data.pipelines`, B faces of S x S pixels, as `jax.Array`s. Entries that a step
does not need it passes on, so that every result comes with its face.
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from scaf_jax.choosing import acquisition
from scaf_jax.inference import copies
from scaf_jax.landmarks import heatmaps
from scaf_jax.training import losses, preprocessing, sharding, state

PyTree = Any
Batch = dict[str, jax.Array]
GraphDef = nnx.GraphDef[Any]


def predict(
    params: PyTree,
    batch_stats: PyTree,
    batch: Batch,
    *,
    graphdef: GraphDef,
    codec: heatmaps.HeatmapCodec,
    decoders: tuple[str, ...] = heatmaps.DECODERS,
    flip_permutation: tuple[int, ...] = (),
) -> Batch:
    """Predicts landmarks; heatmaps do not leave the device.

    Args:
      params: Parameters of an aligner.
      batch_stats: Its running statistics.
      batch: `image` (B, S, S, 3) uint8, and whatever else.
      graphdef: Its definition.
      codec: Decodes the heatmaps.
      decoders: Names of the decoders to run.
      flip_permutation: Where given, heatmaps are averaged with those of the mirrored image.

    Returns:
      `landmarks_<decoder>` (B, L, 2) float32 in crop pixels for each decoder, `heights` (B, L)
      of the maps' peaks, `reconstruction_l1` (B,), mean absolute difference in gray levels, and
      the rest of the batch.
    """
    model = state.merge(graphdef, params, batch_stats)
    images = preprocessing.normalize(batch["image"])
    _, predicted, embeddings = _maps(model, images, codec, flip_permutation)
    reconstructions = model.reconstruct(embeddings)
    outputs: Batch = {}
    for name in decoders:
        found = codec.decode_with_heights(predicted, name)
        outputs[f"landmarks_{name}"], outputs["heights"] = found
    outputs["reconstruction_l1"] = losses.reconstruction(images, reconstructions)
    return outputs | {name: value for name, value in batch.items() if name != "image"}


def locate(
    params: PyTree,
    batch_stats: PyTree,
    images: jax.Array,
    *,
    graphdef: GraphDef,
    codec: heatmaps.HeatmapCodec,
    decoder: str,
    flip_permutation: tuple[int, ...] = (),
    with_heatmaps: bool = False,
    with_reconstructions: bool = False,
) -> Batch:
    """Predicts landmarks and how sure the network is of them, for a user's own faces.

    Args:
      params: Parameters of an aligner.
      batch_stats: Its running statistics.
      images: (B, S, S, 3) uint8.
      graphdef: Its definition.
      codec: Decodes the heatmaps.
      decoder: How; one of `heatmaps.DECODERS`.
      flip_permutation: Where given, heatmaps are averaged with those of the mirrored image.
      with_heatmaps: Whether to return the maps that landmarks are read from.
      with_reconstructions: Whether to rebuild the faces as well.

    Returns:
      `landmarks` (B, L, 2) float32 in crop pixels, `heights` (B, L) of the peaks that they are
      read from, `nnm` (B,) float32 of the maps of the face as it is, as pools are scored, and
      where asked for `heatmaps` (B, H, H, L) float32 and
      `reconstructions` (B, S, S, 3) uint8.
    """
    model = state.merge(graphdef, params, batch_stats)
    normalized = preprocessing.normalize(images)
    own, predicted, embeddings = _maps(model, normalized, codec, flip_permutation)
    own = own.astype(jnp.promote_types(own.dtype, jnp.float32))
    _, nnm = acquisition.landmarks_and_nnm(own, codec.blur_size)
    landmarks, heights = codec.decode_with_heights(predicted, decoder)
    outputs = {"landmarks": landmarks, "heights": heights, "nnm": nnm}
    if with_heatmaps:
        outputs["heatmaps"] = predicted.astype(jnp.float32)
    if with_reconstructions:
        outputs["reconstructions"] = preprocessing.denormalize(model.reconstruct(embeddings))
    return outputs


def _maps(
    model: Any,
    images: jax.Array,
    codec: heatmaps.HeatmapCodec,
    flip_permutation: tuple[int, ...],
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Maps of normalized images; averaged with those of the mirrored ones, if asked; embeddings.

    Both copies go in one batch: half as much to compile, and a fifth less to compute of one face.
    """
    if not flip_permutation:
        own, embeddings = model(images, train=False)
        return own, own, embeddings
    # Side by side, so that both are on one device.
    pairs = jnp.stack([images, images[:, :, ::-1]], axis=1)
    maps, embeddings = model(pairs.reshape(-1, *images.shape[1:]), train=False)
    maps = maps.reshape(-1, 2, *maps.shape[1:])
    own, mirrored = maps[:, 0], maps[:, 1]
    averaged = 0.5 * (own + codec.unmirror(mirrored, flip_permutation))
    return own, averaged, embeddings.reshape(-1, 2, *embeddings.shape[1:])[:, 0]


def score(
    params: PyTree,
    batch_stats: PyTree,
    batch: Batch,
    *,
    graphdef: GraphDef,
    codec: heatmaps.HeatmapCodec,
    decoder: str,
    mesh: jax.sharding.Mesh,
    with_entropy: bool,
    copies_permutation: tuple[int, ...] = (),
) -> Batch:
    """Tells how sure a network is of its landmarks; heatmaps do not leave their devices.

    Args:
      params: Parameters of an aligner.
      batch_stats: Its running statistics.
      batch: `image` (B, S, S, 3) uint8, `matrix` (B, 2, 3) and `valid` (B,), cut over the mesh.
      graphdef: Its definition.
      codec: Decodes the heatmaps.
      decoder: How; one of `heatmaps.DECODERS`.
      mesh: The devices.
      with_entropy: Whether to compute the entropy as well, which costs more than NNM.
      copies_permutation: Where given, which landmarks change places in a mirror, and the network
        looks at changed copies of the faces as well, which costs three further passes.

    Returns:
      `landmarks` (B, L, 2) float32 in crop pixels, `heights` (B, L), the heights of their maps,
      `nnm` and perhaps `entropy` (B,) and `copies` (B, 4, L, 2), the landmarks on the face and on
      its copies, led back; `embeddings` (B, 99) float32, `matrix` and `valid`.
    """
    model = state.merge(graphdef, params, batch_stats)
    maps, embeddings = model(preprocessing.normalize(batch["image"]), train=False)

    def scores(maps: jax.Array, valid: jax.Array) -> Batch:
        maps = maps.astype(jnp.promote_types(maps.dtype, jnp.float32))
        peaks, nnm, heights = acquisition.landmarks_and_heights(
            maps,
            codec.blur_size,
            valid=valid,
            reach=codec.reach if decoder == "subpixel" else None,
        )
        landmarks = codec.to_crop(peaks.astype(maps.dtype))
        outputs = {"landmarks": landmarks, "nnm": nnm, "heights": heights}
        if with_entropy:
            outputs["entropy"] = acquisition.entropy(maps, valid=valid)
        return outputs

    # Each device looks at its own maps: the compiler must not gather them for a loop over images.
    spec = sharding.batch_sharding(mesh).spec
    by_device = jax.shard_map(scores, mesh=mesh, in_specs=(spec, spec), out_specs=spec)
    outputs = by_device(maps, batch["valid"])
    if copies_permutation:
        others = copies.landmarks_on_copies(
            model, batch["image"], codec, decoder, permutation=copies_permutation
        )
        outputs["copies"] = jnp.stack([outputs["landmarks"], *others], axis=1)
    passed_on = {name: batch[name] for name in ("matrix", "valid")}
    return outputs | {"embeddings": embeddings.astype(jnp.float32), **passed_on}


def rebuild(params: PyTree, batch_stats: PyTree, batch: Batch, *, graphdef: GraphDef) -> Batch:
    """Rebuilds faces from their embeddings, with running statistics.

    Args:
      params: Parameters of a network with `encoder` and `generator`.
      batch_stats: Its running statistics.
      batch: `image` (B, S, S, 3) uint8, and whatever else.
      graphdef: Its definition.

    Returns:
      `rebuilt` (B, S, S, 3) uint8, `embeddings` (B, 99) float32, and the batch.
    """
    model = state.merge(graphdef, params, batch_stats)
    embeddings, _ = model.encoder(preprocessing.normalize(batch["image"]), train=False)
    images = preprocessing.denormalize(model.generator(embeddings, train=False))
    return {"rebuilt": images, "embeddings": embeddings.astype(jnp.float32)} | batch


def generate(
    params: PyTree, batch_stats: PyTree, embeddings: jax.Array, *, graphdef: GraphDef
) -> jax.Array:
    """Returns the generator's images (B, S, S, 3) uint8 of embeddings (B, 99)."""
    model = state.merge(graphdef, params, batch_stats)
    return preprocessing.denormalize(model.generator(embeddings, train=False))


def inspect(
    params: PyTree, batch_stats: PyTree, images: jax.Array, *, graphdef: GraphDef
) -> tuple[jax.Array, jax.Array]:
    """Returns heatmaps (B, H, H, L) float32 and reconstructions (B, S, S, 3) uint8, for pictures.

    Args:
      params: Parameters of an aligner.
      batch_stats: Its running statistics.
      images: (B, S, S, 3) uint8.
      graphdef: Its definition.
    """
    model = state.merge(graphdef, params, batch_stats)
    predicted, embeddings = model(preprocessing.normalize(images), train=False)
    reconstructions = preprocessing.denormalize(model.reconstruct(embeddings))
    return predicted.astype(jnp.float32), reconstructions
