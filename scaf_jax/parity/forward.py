"""Forward passes in eval mode: the whole networks, and the skip bottleneck alone."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from scaf_jax.landmarks import heatmaps
from scaf_jax.models import adversarial_autoencoder, aligner, resnet
from scaf_jax.parity import comparison, fixtures, networks
from scaf_jax.training import state

# Blurred values closer than this (relative to the maximum) are equal but for rounding.
_TIE = 1e-5


def check_networks(folder: fixtures.Folder) -> list[comparison.Row]:
    """Checks every network of the folder: embeddings, images, heatmaps, verdicts, landmarks."""
    return [row for network in folder.full_networks() for row in _check_network(folder, network)]


def _check_network(folder: fixtures.Folder, network: fixtures.Network) -> list[comparison.Row]:
    name = f"{network.name}_eval"
    found = comparison.Comparison(name, folder.arrays(f"{name}.npz"))
    size = network.input_size
    shape = (len(found.stored("z")), 3, size, size)
    images = fixtures.make_input(network.salt, f"images{size}", shape)
    for quantity, ours in _autoencoder_numbers(network, images).items():
        found.check(quantity, ours, comparison.FORWARD_TOLERANCE)
    heatmap_size = found.stored("heatmaps_every8th").shape[-1]
    codec = heatmaps.HeatmapCodec(size, heatmap_size, pixel_convention="corners")
    maps, blurred, landmarks = _aligner_numbers(network, images, codec)
    for quantity, ours in {
        "heatmaps_every8th": fixtures.to_nchw(maps[..., ::8]),
        "heatmap_sums": maps.sum(axis=(1, 2)),
        "smoothed_every8th": fixtures.to_nchw(blurred[..., ::8]),
    }.items():
        found.check(quantity, ours, comparison.FORWARD_TOLERANCE)
    _check_landmarks(found, codec, blurred, landmarks)
    return found.rows()


def _autoencoder_numbers(network: fixtures.Network, images: np.ndarray) -> dict[str, np.ndarray]:
    graphdef, params, batch_stats = networks.autoencoder(network)

    @jax.jit
    def run(params: Any, batch_stats: Any, images: jax.Array) -> dict[str, jax.Array]:
        model: adversarial_autoencoder.PretrainingModel = state.merge(graphdef, params, batch_stats)
        z, _ = model.encoder(images, train=False)
        x = model.generator.start(z, train=False)
        numbers = {}
        for i, name in enumerate(["layer1", "layer2", "layer3", "layer4"], start=1):
            x = model.generator.stages[name](x, train=False)
            numbers[f"P_x{i}"] = jnp.moveaxis(x, -1, 1)[0, ::16, ::2, ::2]
        images_again = model.generator(z, train=False)
        numbers["z"] = z
        numbers["recon_first_stride4"] = jnp.moveaxis(images_again, -1, 1)[:, :, ::4, ::4]
        numbers["D_z"] = model.embedding_discriminator(z, dropout_key=None)[:, None]
        numbers["D_images"] = model.image_discriminator(images, train=False)
        numbers["D_recon"] = model.image_discriminator(images_again, train=False)
        return numbers

    return {name: np.asarray(x) for name, x in run(params, batch_stats, images).items()}


def _aligner_numbers(
    network: fixtures.Network, images: np.ndarray, codec: heatmaps.HeatmapCodec
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    graphdef, params, batch_stats = networks.aligner_(network, codec.heatmap_size)

    @jax.jit
    def run(params: Any, batch_stats: Any, images: jax.Array) -> tuple[jax.Array, ...]:
        model: aligner.Aligner = state.merge(graphdef, params, batch_stats)
        maps, _ = model(images, train=False)
        return maps, heatmaps.box_blur(maps, codec.blur_size), codec.decode(maps)

    maps, blurred, landmarks = run(params, batch_stats, images)
    return np.asarray(maps), np.asarray(blurred), np.asarray(landmarks)


def _check_landmarks(
    found: comparison.Comparison,
    codec: heatmaps.HeatmapCodec,
    blurred: np.ndarray,
    landmarks: np.ndarray,
) -> None:
    theirs = found.stored("landmarks")
    differing = np.argwhere((landmarks != theirs).any(axis=-1))
    not_ties = 0
    for face, landmark in differing:
        x, y = np.rint(np.asarray(codec.to_heatmap(jnp.asarray(theirs[face, landmark])))).astype(
            int
        )
        values = blurred[face, :, :, landmark]
        inside = 0 <= x < codec.heatmap_size and 0 <= y < codec.heatmap_size
        not_ties += not inside or values.max() - values[y, x] > _TIE * abs(values.max())
    ties = len(differing) - not_ties
    found.add(f"landmarks: different at a tie, of {theirs[..., 0].size}", ties, 1)
    found.add("landmarks: different elsewhere", not_ties, 0)


def check_blocks(folder: fixtures.Folder) -> list[comparison.Row]:
    """Checks every skip bottleneck of the folder."""
    rows = []
    for file in folder.names("hpm_block_*_state.json"):
        network = folder.network(file.removesuffix("_state.json"))
        found = comparison.Comparison(network.name, folder.arrays(f"{network.name}.npz"))
        x = fixtures.make_input(network.salt, "hpm", found.stored("output").shape)
        tensors = {f"HPM.{name}": tensor for name, tensor in network.tensors.items()}
        graphdef, params, batch_stats = networks.fill(
            lambda channels=x.shape[-1]: _Block(channels), tensors
        )
        output = state.merge(graphdef, params, batch_stats).bottleneck(jnp.asarray(x), train=False)
        found.check("output", fixtures.to_nchw(output), comparison.FORWARD_TOLERANCE)
        rows += found.rows()
    return rows


class _Block(nnx.Module):
    def __init__(self, channels: int):
        self.bottleneck = resnet.Bottleneck(channels, rngs=nnx.Rngs(0))
