"""Training steps of both stages, in float64.

In float32, rounding alone moves later adversarial losses by percentages, so that only float64 can
tell an error from noise. What the optimizer added to the weights is compared, not the weights,
which hardly change in a few steps.
"""

import functools
import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from scaf_jax.landmarks import heatmaps
from scaf_jax.models import adversarial_autoencoder, autoencoder
from scaf_jax.parity import comparison, fixtures, functions, networks
from scaf_jax.training import alignment, optimizers, pretraining, pretraining_terms, state

PyTree = Any

LOSS_TOLERANCE = 1e-5
CHANGE_TOLERANCE = 1e-3
MEAN_TOLERANCE = 1e-4
VARIANCE_TOLERANCE = 2e-2  # the published code keeps the unbiased variance, we the biased one
EVALUATION_TOLERANCE = 1e-2

_INPUT_SIZE = 128

# Their name of a loss -> ours; "loss" alone is a sum of terms.
_LOSSES = {
    "loss_D_z": "embedding_discriminator",
    "loss_E": "embedding_adversary",
    "loss_recon": "reconstruction",
    "loss_struct_x60": "structural",
    "loss_D": "image_discriminator",
    "loss_G": "image_adversary",
}


def check_supervised(folder: fixtures.Folder) -> list[comparison.Row]:
    """Checks steps of stage 2: their losses, and what they changed."""
    found = comparison.Comparison("supervised_steps", folder.arrays("supervised_steps.npz"))
    targets, landmarks = found.stored("targets"), found.stored("landmarks")
    functions.compare_targets(found, "targets", landmarks, targets)
    network = folder.network_of_size(_INPUT_SIZE).with_landmarks(targets.shape[1])
    shape = (len(targets), 3, _INPUT_SIZE, _INPUT_SIZE)
    batch = {
        "image": fixtures.make_input(folder.salt, f"train{_INPUT_SIZE}", shape),
        "heatmaps": fixtures.to_nhwc(targets),
        "landmark_mask": np.ones(targets.shape[:2]),
    }
    theirs = found.stored("losses")
    with jax.enable_x64(True):
        train_state, ours = _align(network, _to_float64(batch), len(theirs))
    for i, loss in enumerate(ours):
        found.add(f"losses[{i}]", comparison.relative_error(loss, theirs[i]), LOSS_TOLERANCE)
    for key, name in {
        "t1_after": "LMH.t1.weight",
        "conv1_after": "Q.conv1.weight",
        "lin_after": "LMH.lin.weight",
    }.items():
        _check_change(found, key, name, network, train_state)
    return found.rows()


def _align(
    network: fixtures.Network, batch: dict[str, jax.Array], num_steps: int
) -> tuple[state.TrainState, list[float]]:
    settings = alignment.AlignmentSettings()
    codec = heatmaps.HeatmapCodec(_INPUT_SIZE, batch["heatmaps"].shape[1])
    graphdef, params, batch_stats = networks.aligner_(network, codec.heatmap_size)
    params, batch_stats = _to_float64(params), _to_float64(batch_stats)
    optimizer = optimizers.build(alignment.optimizer_table(settings), params)
    train_state = state.TrainState(jnp.int32(0), params, batch_stats, optimizer.init(params))
    step = jax.jit(
        functools.partial(alignment.train_step, graphdef=graphdef, settings=settings, codec=codec)
    )
    losses_ = []
    for _ in range(num_steps):
        train_state, metrics = step(train_state, batch)
        losses_.append(float(metrics["loss"]))
    return train_state, losses_


def check_unsupervised(folder: fixtures.Folder) -> list[comparison.Row]:
    """Checks steps of stage 1: their losses, what they changed, and what eval mode then gives."""
    salt, iterations = _read_iterations(folder)
    after = comparison.Comparison("unsupervised_after", folder.arrays("unsupervised_after.npz"))
    network = folder.network_of_size(_INPUT_SIZE)
    faces = len(after.stored("eval_z"))
    batches = [_pretraining_batch(salt, i, faces) for i in range(len(iterations))]
    with jax.enable_x64(True):
        graphdef, train_state, metrics = _pretrain(network, _to_float64(batches))
        evaluate = jax.jit(functools.partial(_evaluate, graphdef))
        images = _to_float64(batches[0]["image"])
        embeddings, verdicts = evaluate(train_state.params, train_state.batch_stats, images)
    rows = []
    for i, (ours, theirs) in enumerate(zip(metrics, iterations, strict=True)):
        found = comparison.Comparison("unsupervised_steps", theirs)
        for name in theirs:
            value = _loss(ours, name, has_adversary="loss_E" in theirs)
            error = comparison.relative_error(value, found.stored(name))
            found.add(f"{name}[{i}]", error, LOSS_TOLERANCE)
        rows += found.rows()
    after.check("eval_z", np.asarray(embeddings), EVALUATION_TOLERANCE)
    after.check("eval_D", np.asarray(verdicts), EVALUATION_TOLERANCE)
    for key in after.names():
        if not key.startswith("eval_"):
            _check_tensor(after, key, network, train_state)
    return rows + after.rows()


def _read_iterations(folder: fixtures.Folder) -> tuple[str, list[dict[str, float]]]:
    content = folder.json("unsupervised_steps.json")
    try:
        salt, iterations = content["salt"], [dict(losses) for losses in content["iterations"]]
    except (KeyError, TypeError, ValueError) as error:
        raise fixtures.FixtureError(
            f"'{folder.path}/unsupervised_steps.json' is not a salt and a list of losses: {error!r}"
        ) from error
    return salt, iterations


def _pretraining_batch(salt: str, iteration: int, faces: int) -> dict[str, np.ndarray]:
    shape = (faces, 3, _INPUT_SIZE, _INPUT_SIZE)
    rng = fixtures.make_rng(salt, f"zreal{iteration}")
    real = rng.standard_normal((faces, autoencoder.EMBEDDING_SIZE)).astype(np.float32)
    images = fixtures.make_input(salt, f"aae{iteration}", shape)
    return {"image": images, "real_embeddings": real}


def _pretrain(
    network: fixtures.Network, batches: list[dict[str, jax.Array]]
) -> tuple[nnx.GraphDef, state.TrainState, list[dict[str, float]]]:
    settings = pretraining_terms.PretrainingSettings(
        image_start=0, structural_start=0, dropout=False
    )
    optimizers_ = pretraining.build_optimizers(settings)
    graphdef, params, batch_stats = networks.autoencoder(network)
    train_state = pretraining.start_state(
        _to_float64(params), _to_float64(batch_stats), optimizers_
    )
    step = jax.jit(
        functools.partial(
            pretraining.train_step,
            graphdef=graphdef,
            optimizers_=optimizers_,
            settings=settings,
            seed=0,
        ),
        static_argnames="terms",
    )
    all_metrics = []
    for i, batch in enumerate(batches):
        terms = pretraining_terms.terms_at(i, settings)
        train_state, metrics = step(train_state, batch, terms=terms)
        all_metrics.append({name: float(value) for name, value in metrics.items()})
    return graphdef, train_state, all_metrics


def _loss(metrics: dict[str, float], name: str, *, has_adversary: bool) -> float:
    if name == "loss":
        # The published sum leaves out the encoder's adversary, whose gradient is added apart.
        return metrics["loss"] - (metrics["embedding_adversary"] if has_adversary else 0.0)
    return metrics.get(_LOSSES.get(name, name), float("nan"))


def _evaluate(
    graphdef: nnx.GraphDef[adversarial_autoencoder.PretrainingModel],
    params: PyTree,
    batch_stats: PyTree,
    images: jax.Array,
) -> tuple[jax.Array, jax.Array]:
    model = state.merge(graphdef, params, batch_stats)
    embeddings, _ = model.encoder(images, train=False)
    return embeddings, model.image_discriminator(images, train=False)


def _check_tensor(
    found: comparison.Comparison,
    key: str,
    network: fixtures.Network,
    train_state: state.TrainState,
) -> None:
    """Checks `D_main_3_var`, say: a weight's change, or a running statistic."""
    match = re.fullmatch(r"(D_z|D|Q|P)_(.*?)(_mean|_var)?", key)
    if not match:
        return
    leaf = f"running{match[3]}" if match[3] else "weight"
    name = f"{match[1]}.{match[2].replace('_', '.')}.{leaf}"
    if leaf == "weight":
        _check_change(found, key, name, network, train_state)
        return
    ours = networks.read_tensor(name, train_state.params, train_state.batch_stats)
    tolerance = MEAN_TOLERANCE if match[3] == "_mean" else VARIANCE_TOLERANCE
    found.check(key, ours, tolerance)


def _check_change(
    found: comparison.Comparison,
    key: str,
    name: str,
    network: fixtures.Network,
    train_state: state.TrainState,
) -> None:
    """Checks what was added to a weight, of which the first entries along each axis are stored."""
    first = tuple(slice(length) for length in found.stored(key).shape)
    ours = networks.read_tensor(name, train_state.params, train_state.batch_stats)[first]
    initial = network.tensors[name][first].astype(np.float64)
    found.check(key, ours, CHANGE_TOLERANCE, initial=initial)


def _to_float64(tree: PyTree) -> PyTree:
    return jax.tree.map(lambda x: jnp.asarray(x, jnp.float64), tree)
