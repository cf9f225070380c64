"""Faces that are two dots, and a network that finds them without having learned it."""

import dataclasses
import io
import pathlib
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from PIL import Image

from scaf_jax import default_config
from scaf_jax.data import geometry
from scaf_jax.inference import bundle, one_pass
from scaf_jax.landmarks import heatmaps, schemes
from scaf_jax.models import aligner
from scaf_jax.runs import alignment_stage, identity, resolve
from scaf_jax.training import checkpointing, sharding, state

SIZE, HEATMAP_SIZE = 64, 32
SCHEME = dataclasses.replace(
    schemes.IBUG68,
    name="two",
    num_landmarks=2,
    flip_permutation=(1, 0),
    eye_corners=(0, 1),
    left_pupil=(0,),
    right_pupil=(1,),
    outline=(),
    strokes=(),
)


class DotFinder(nnx.Module):
    """Stands in for an aligner: finds the bright dot of each half, whichever way the face looks.

    Attributes:
      codec: Says where the network was taught that a landmark at a pixel is.
    """

    def __init__(self, codec: heatmaps.HeatmapCodec):
        self.codec = codec
        self.gray = nnx.Param(jnp.zeros(()))

    def __call__(self, images: jax.Array, *, train: bool) -> tuple[jax.Array, jax.Array]:
        light = images.mean(axis=-1)  # (B, S, S)
        light -= light.min()
        halves = [light.at[:, :, SIZE // 2 :].set(0), light.at[:, :, : SIZE // 2].set(0)]
        points = jnp.stack([_centroid(half) for half in halves], axis=1)
        # Taught with crops and their mirror images, it counts from the crop's edge at `corners`.
        shift = 0.5 if self.codec.pixel_convention == "corners" else 0.0
        return self.codec.encode(points + shift), jnp.zeros((len(images), 99))

    def reconstruct(self, embeddings: jax.Array) -> jax.Array:
        return jnp.broadcast_to(self.gray[...], (len(embeddings), SIZE, SIZE, 3))


def _centroid(light: jax.Array) -> jax.Array:
    """(B, S, S) to (B, 2) x, y; the middle where there is no light."""
    grid, total = jnp.arange(SIZE), light.sum(axis=(1, 2))
    x, y = (light * grid).sum(axis=(1, 2)), (light * grid[:, None]).sum(axis=(1, 2))
    total = jnp.where(total > 0, total, 1)
    return jnp.stack([x, y], axis=-1) / total[:, None]


class DotFaces:
    """Photos of 128 x 128 pixels with a dot in each half of the face."""

    def __init__(self, count: int = 5) -> None:
        rng = np.random.default_rng(0)
        self.points = rng.uniform([34, 30], [58, 90], (count, 2, 2))
        self.points[:, 1, 0] += 46
        self.keys = [f"face {i}" for i in range(count)]
        self.read: list[int] = []
        self.before: Callable[[int], None] = lambda index: None

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, index: int) -> dict:
        self.read.append(index)
        self.before(index)
        file = io.BytesIO()
        Image.fromarray(dots(self.points[index], 128)).save(file, "PNG")
        box = np.array([20, 12, 116, 108], np.float32)
        return {
            "image": file.getvalue(),
            "landmarks": self.points[index].astype(np.float32),
            "landmark_mask": np.ones(2, bool),
            "box_ground_truth": box,
            "box_detector": box + np.float32(3),
            "key": self.keys[index],
            "subset": "",
            "index": index,
        }


def dots(points: np.ndarray, size: int) -> np.ndarray:
    """(2, 2) to a black (size, size, 3) uint8 with a dot at each point."""
    rows, columns = np.mgrid[:size, :size]
    x, y = points[:, 0, None, None], points[:, 1, None, None]
    light = 255 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 16).sum(axis=0)
    return np.repeat(light.clip(0, 255).round().astype(np.uint8)[..., None], 3, axis=-1)


def make_network(convention: str = "centers", decoder: str = "subpixel") -> bundle.Bundle:
    """Returns the network that finds dots."""
    codec = heatmaps.HeatmapCodec(SIZE, HEATMAP_SIZE, blur_size=3, pixel_convention=convention)
    graphdef, params, batch_stats = state.split(DotFinder(codec))
    return bundle.Bundle(
        graphdef=graphdef,
        params=params,
        batch_stats=batch_stats,
        crop=geometry.CropSettings(
            input_size=SIZE, margin_top=0, margin_bottom=0, pixel_convention=convention
        ),
        provenance={"steps": 0},
        architecture=aligner.Architecture(SIZE, HEATMAP_SIZE, 2),
        codec=codec,
        scheme=SCHEME,
        decoder=decoder,
    )


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[pathlib.Path, bundle.Bundle]:
    """The folder of a run whose stage 2 has one checkpoint, with random weights; its network."""
    config = default_config.get_config()
    default_config.shrink(config)
    config.alignment.num_labels = 50
    run = resolve.resolve(config)
    stage = run.landmark_stage().stage
    shapes = stage.abstract.params, stage.abstract.batch_stats
    rng = np.random.default_rng(0)  # several times as fast as the network's own initial values
    weights = jax.tree.map(lambda x: jnp.asarray(rng.uniform(0.05, 0.15, x.shape), "f4"), shapes)
    train_state = state.TrainState(jnp.int32(7), *weights, opt_state={"count": jnp.int32(7)})
    workdir = tmp_path_factory.mktemp("saved")
    metadata = identity.metadata(run, stage)
    metadata["stage1"] = {"description": "a stage 1", "identity": None}
    with checkpointing.Checkpoints(workdir / "alignment" / "checkpoints") as checkpoints:
        checkpoints.save(7, train_state, metadata=metadata)
    return workdir, alignment_stage.bundle_of(run, train_state)


@pytest.fixture
def network() -> Callable[..., bundle.Bundle]:
    """Makes the network that finds dots; see `make_network`."""
    return make_network


@pytest.fixture
def faces() -> DotFaces:
    """Five faces; they note which are read."""
    return DotFaces()


@pytest.fixture
def pass_settings() -> one_pass.PassSettings:
    """Batches of two faces, read without threads of their own."""
    return one_pass.PassSettings(sharding.make_mesh(), 2, num_threads=0)
