"""The report of stage 1: how well faces are rebuilt, and what the generator imagines."""

import functools
from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np

from scaf_jax.data import sources
from scaf_jax.files.places import Place
from scaf_jax.inference import bundle, one_pass, steps
from scaf_jax.models import autoencoder
from scaf_jax.reporting import figures, reconstruction, report, results
from scaf_jax.runs.run import Run
from scaf_jax.training import metric_files, pace, programs, sharding

# Embeddings (B, 99) to images (B, S, S, 3) uint8.
Imagine = Callable[[jax.Array], jax.Array]

_MAX_FACES = 500
_STEPS = 7


def write(
    run: Run, network: bundle.FaceNetwork, folder: Place, *, training: Place
) -> report.Report:
    """Writes L1 and SSIM of training and held-out faces, and pictures.

    Args:
      run: The run.
      network: Stage 1's networks; their provenance names `steps`.
      folder: Gets the report.
      training: Folder of the training's metrics.
    """
    sets: dict[str, sources.Source] = {"training": run.faces.pretraining()}
    if run.alignment:  # then test faces are there
        sets |= dict(list(run.faces.tests().items())[:1])
    machine = run.pass_settings
    rebuild = one_pass.OnePass(
        functools.partial(steps.rebuild, graphdef=network.graphdef),
        network,
        machine,
        title="reconstruct",
        doing="rebuilding",
        inputs=("image", "valid"),
    )
    rows: list[results.ReconstructionResults] = []
    found: dict[str, np.ndarray] = {}
    for name, source in sets.items():
        found = rebuild.run(_spread(source))
        l1 = reconstruction.mean_absolute_error(found["image"], found["rebuilt"])
        ssim = reconstruction.structural_similarity(found["image"], found["rebuilt"])
        rows.append(results.ReconstructionResults(name, l1, ssim))
    generate = programs.jitted(
        functools.partial(steps.generate, graphdef=network.graphdef),
        out_shardings=sharding.replicated(machine.mesh),
    )
    imagine = functools.partial(generate, *rebuild.weights)
    pictures = [
        _reconstructions(rows[-1], found, 2 * run.evaluation.num_pictures),
        _samples(run.seed, imagine),
        _interpolations(found, imagine),
    ]
    facts = {
        "training steps": network.provenance["steps"],
        "faces": len(sets["training"]),
        "seed": run.seed,
        **pace.summary(metric_files.read_scalars(training / metric_files.SCALARS_FILE)),
        "config": run.config,
    }
    if jax.process_index() != 0:
        return report.Report(folder / "report.md", {}, "")
    return report.write_pretraining_report(folder, results=rows, extra=facts, pictures=pictures)


def _spread(source: sources.Source) -> sources.Source:
    """Up to 500 faces from all over a source."""
    count = min(_MAX_FACES, len(source))
    return sources.SubsetSource(source, np.linspace(0, len(source) - 1, count).astype(int))


def _reconstructions(
    result: results.ReconstructionResults, found: Mapping[str, np.ndarray], count: int
) -> report.Picture:
    """Faces of a set, the first to the last, and what they are rebuilt as."""
    images = found["image"]
    spread = np.linspace(0, len(images) - 1, min(count, len(images))).astype(int)
    captions = [f"L1 {result.l1[i]:.1f}, SSIM {result.ssim[i]:.2f}" for i in spread]
    grid = figures.reconstruction_grid(images[spread], found["rebuilt"][spread], captions=captions)
    return report.Picture("reconstructions.png", f"Reconstructions of {result.name}", grid)


def _samples(seed: int, imagine: Imagine) -> report.Picture:
    random = jax.random.normal(jax.random.key(seed), (16, autoencoder.EMBEDDING_SIZE))
    grid = figures.sample_grid(np.asarray(imagine(random)))
    return report.Picture("samples.png", "Faces from random embeddings", grid)


def _interpolations(found: Mapping[str, np.ndarray], imagine: Imagine) -> report.Picture:
    """Four rows, each from one face of a set to another by embeddings between theirs."""
    images, embeddings = found["image"], found["embeddings"]
    ends = np.linspace(0, len(images) - 1, 8).astype(int).reshape(4, 2)
    share = jnp.linspace(0.0, 1.0, _STEPS)[None, :, None]
    between = (1 - share) * embeddings[ends[:, :1]] + share * embeddings[ends[:, 1:]]
    frames = np.asarray(imagine(between.reshape(-1, autoencoder.EMBEDDING_SIZE)))
    grid = figures.interpolation_grid(
        frames.reshape(4, _STEPS, *frames.shape[1:]), ends=images[ends]
    )
    return report.Picture("interpolations.png", "From one face to another", grid)
