"""The report of stage 1: how well faces are rebuilt, and what the generator imagines."""

import functools
import pathlib

import jax
import jax.numpy as jnp
import numpy as np

from scaf_jax.data import sources
from scaf_jax.inference import bundle, one_pass, steps
from scaf_jax.models import autoencoder
from scaf_jax.reporting import figures, reconstruction, report, results
from scaf_jax.runs.run import Run
from scaf_jax.training import metric_files, pace, programs, sharding

_MAX_FACES = 500
_STEPS = 7


def write(
    run: Run, network: bundle.FaceNetwork, folder: pathlib.Path, *, training: pathlib.Path
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
    rows, last = [], None
    for name, source in sets.items():
        found = rebuild.run(_spread(source))
        l1 = reconstruction.mean_absolute_error(found["image"], found["rebuilt"])
        ssim = reconstruction.structural_similarity(found["image"], found["rebuilt"])
        rows.append(results.ReconstructionResults(name, l1, ssim))
        last = (name, found["image"], found["rebuilt"], found["embeddings"], l1, ssim)
    assert last is not None
    generate = programs.jitted(
        functools.partial(steps.generate, graphdef=network.graphdef),
        out_shardings=sharding.replicated(machine.mesh),
    )
    pictures = _pictures(run, *last, generate=functools.partial(generate, *rebuild.weights))
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


def _pictures(
    run: Run,
    name: str,
    images: np.ndarray,
    rebuilt: np.ndarray,
    embeddings: np.ndarray,
    l1: np.ndarray,
    ssim: np.ndarray,
    *,
    generate: functools.partial,
) -> list[report.Picture]:
    count = min(2 * run.evaluation.num_pictures, len(images))
    spread = np.linspace(0, len(images) - 1, count).astype(int)
    captions = [f"L1 {l1[i]:.1f}, SSIM {ssim[i]:.2f}" for i in spread]
    shape = (16, autoencoder.EMBEDDING_SIZE)
    random = jax.random.normal(jax.random.key(run.seed), shape)
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
