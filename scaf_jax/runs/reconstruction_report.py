"""The report of stage 1: how well faces are rebuilt, and what the generator imagines."""

import functools
import pathlib

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
from flax import nnx

from scaf_jax.data import pipelines, sources
from scaf_jax.models import autoencoder
from scaf_jax.reporting import figures, reconstruction, report, results
from scaf_jax.runs import settings
from scaf_jax.training import preprocessing, pretraining, progress, sharding, state

ConfigDict = ml_collections.ConfigDict

_MAX_FACES = 500
_STEPS = 7


def write(
    config: ConfigDict,
    graphdef: nnx.GraphDef[pretraining.PretrainingModel],
    train_state: state.TrainState,
    folder: pathlib.Path,
) -> report.Report:
    """Writes L1 and SSIM of training and held-out faces, and pictures.

    Args:
      config: The run's config.
      graphdef: The networks' definition.
      train_state: Their state.
      folder: Gets the report.
    """
    mesh = sharding.make_mesh(config.mesh.data, config.mesh.fsdp)
    whole = sharding.replicated(mesh)
    rebuild = functools.partial(
        jax.jit(
            functools.partial(pretraining.evaluation_step, graphdef=graphdef), out_shardings=whole
        ),
        train_state.params,
        train_state.batch_stats,
    )
    sets: dict[str, sources.Source] = {"training": settings.unlabeled_source(config)}
    if config.alignment.steps:  # then test faces are there
        sets |= dict(list(settings.test_sources(config).items())[:1])
    rows, last = [], None
    for name, source in sets.items():
        images, rebuilt, embeddings = _rebuild(config, mesh, source, rebuild)
        l1 = reconstruction.mean_absolute_error(images, rebuilt)
        ssim = reconstruction.structural_similarity(images, rebuilt)
        rows.append(results.ReconstructionResults(name, l1, ssim))
        last = (name, images, rebuilt, embeddings, l1, ssim)
    assert last is not None
    generate = jax.jit(functools.partial(_generate, graphdef), out_shardings=whole)
    generate = functools.partial(generate, train_state.params, train_state.batch_stats)
    pictures = _pictures(config, *last, generate=generate)
    facts = {
        "training steps": int(train_state.step),
        "faces": len(sets["training"]),
        "seed": config.seed,
        "config": config.to_dict(),
    }
    if jax.process_index() != 0:
        return report.Report(folder / "report.md", {}, "")
    return report.write_pretraining_report(folder, results=rows, extra=facts, pictures=pictures)


def _rebuild(
    config: ConfigDict, mesh: jax.sharding.Mesh, source: sources.Source, rebuild: functools.partial
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns up to 500 faces spread over a source, their reconstructions and embeddings."""
    count = min(_MAX_FACES, len(source))
    spread = np.linspace(0, len(source) - 1, count).astype(int)
    size = -(-config.evaluation.batch_size // mesh.size) * mesh.size
    batches = pipelines.evaluation_batches(
        sources.SubsetSource(source, spread),
        crop=settings.crop(config),
        scheme=None,
        batch_size=size,
        num_threads=config.loader.num_threads,
    )
    parts = []
    for batch in progress.track(batches, "reconstruct"):
        # Each process looks at all of these few faces.
        images = jax.device_put(batch["image"], sharding.replicated(mesh))
        rebuilt, embeddings = (np.asarray(x) for x in rebuild(images))
        valid = batch["valid"]
        parts.append((batch["image"][valid], rebuilt[valid], embeddings[valid]))
    images, rebuilt, embeddings = (np.concatenate(x) for x in zip(*parts, strict=True))
    return images, rebuilt, embeddings


def _generate(
    graphdef: nnx.GraphDef[pretraining.PretrainingModel],
    params: state.PyTree,
    batch_stats: state.PyTree,
    embeddings: jax.Array,
) -> jax.Array:
    model = state.merge(graphdef, params, batch_stats)
    return preprocessing.denormalize(model.generator(embeddings, train=False))


def _pictures(
    config: ConfigDict,
    name: str,
    images: np.ndarray,
    rebuilt: np.ndarray,
    embeddings: np.ndarray,
    l1: np.ndarray,
    ssim: np.ndarray,
    *,
    generate: functools.partial,
) -> list[report.Picture]:
    count = min(2 * config.evaluation.num_pictures, len(images))
    spread = np.linspace(0, len(images) - 1, count).astype(int)
    captions = [f"L1 {l1[i]:.1f}, SSIM {ssim[i]:.2f}" for i in spread]
    shape = (16, autoencoder.EMBEDDING_SIZE)
    random = jax.random.normal(jax.random.key(config.seed), shape)
    ends = np.linspace(0, len(images) - 1, 8).astype(int).reshape(4, 2)
    share = jnp.linspace(0.0, 1.0, _STEPS)[None, :, None]
    between = (1 - share) * embeddings[ends[:, :1]] + share * embeddings[ends[:, 1:]]
    frames = np.asarray(generate(between.reshape(-1, autoencoder.EMBEDDING_SIZE)))
    return [
        report.Picture(
            "reconstructions.png",
            f"Reconstructions of {name}",
            figures.reconstruction_grid(images[spread], rebuilt[spread], captions=captions),
        ),
        report.Picture(
            "samples.png",
            "Faces from random embeddings",
            figures.sample_grid(np.asarray(generate(random))),
        ),
        report.Picture(
            "interpolations.png",
            "From one face to another",
            figures.interpolation_grid(
                frames.reshape(4, _STEPS, *frames.shape[1:]), ends=images[ends]
            ),
        ),
    ]
