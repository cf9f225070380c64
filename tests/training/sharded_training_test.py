"""Both stages on any mesh: five steps in float64 have the losses of one device.

One process with fake devices computes for all meshes. Arrays of more than 256 bytes are cut over
'fsdp', which in these tiny networks is most of them. The short form has the steps as they are, with
both adversaries, and networks of one block each, which compile in seconds.
"""

import json

import numpy as np
import pytest

ON_MESHES = """
    import contextlib, functools, json, sys
    import jax, jax.numpy as jnp, numpy as np
    from flax import nnx
    from scaf_jax.landmarks import heatmaps
    from scaf_jax.models import (
        adversarial_autoencoder, aligner, autoencoder, discriminators, layers, resnet)
    from scaf_jax.ops import image_groups
    from scaf_jax.training import (
        alignment, checkpointing, pretraining, pretraining_terms, sharding, state)

    jax.config.update("jax_enable_x64", True)  # so that only an error can be seen
    meshes, folder, form = json.loads(sys.argv[1]), *sys.argv[2:]
    is_short = form == "short"
    STEPS, SIZE, WIDTH, MARKS = 5, 64, 1 / 16, 5
    BATCH = max(4, len(jax.devices())) if is_short else 8
    HEATMAP = 16 if is_short else 32
    rng = np.random.default_rng(0)

    def drawn(tree):
        def draw(leaf):
            if not jnp.issubdtype(leaf.dtype, jnp.floating):
                return np.zeros(leaf.shape, leaf.dtype)
            return np.abs(0.1 * rng.standard_normal(leaf.shape)) + 0.02 * rng.standard_normal(
                leaf.shape)
        return jax.tree.map(draw, tree)

    class Encoder(nnx.Module):
        def __init__(self, *, input_size, width_multiplier, rngs, dtype=None):
            self.conv = layers.Conv(3, 16, window=8, stride=8, rngs=rngs)
            self.norm = layers.BatchNorm(16, rngs=rngs)
            self.head = layers.Dense(16, 99, rngs=rngs)

        def __call__(self, images, *, train):
            x = jax.nn.relu(self.norm(self.conv(images), use_running_average=not train))
            return self.head(x.mean(axis=(1, 2))), {8: x}

    class Generator(nnx.Module):
        def __init__(self, *, output_size, width_multiplier, rngs, dtype=None):
            self.dense = layers.Dense(99, 256, rngs=rngs)
            self.stages = nnx.Dict(layer1=resnet.UpsamplingBlock(16, 16, rngs=rngs))
            self.head = layers.ConvTranspose(16, 3, window=8, stride=8, padding=0, rngs=rngs)

        def start(self, embeddings, *, train):
            return jax.nn.relu(self.dense(embeddings).reshape(-1, 4, 4, 16))

        def __call__(self, embeddings, *, train):
            x = self.stages["layer1"](self.start(embeddings, train=train), train=train)
            return jnp.tanh(self.head(x))

    class ImageDiscriminator(nnx.Module):
        def __init__(self, *, input_size, width_multiplier, rngs, dtype=None):
            self.conv = layers.Conv(3, 16, window=8, stride=8, rngs=rngs)
            self.norm = layers.BatchNorm(16, rngs=rngs)
            self.head = layers.Conv(16, 1, window=4, rngs=rngs)

        def __call__(self, images, *, train):
            x = self.norm(self.conv(images), use_running_average=not train)
            return jax.nn.sigmoid(self.head(x).mean(axis=(1, 2, 3)))

    if is_short:
        autoencoder.Encoder, autoencoder.Generator = Encoder, Generator
        discriminators.ImageDiscriminator = ImageDiscriminator

    def stage_1():
        settings = pretraining_terms.PretrainingSettings(
            learning_rate=1e-3, image_start=0, structural_start=0, guide_weight=0.1,
            interpolation_start={"short": -1, "long": 3, "groups": 0}[form])
        optimizers_ = pretraining.build_optimizers(settings)
        graphdef, *weights = state.definition(lambda: adversarial_autoencoder.PretrainingModel(
            input_size=SIZE, width_multiplier=WIDTH, guided=True, rngs=nnx.Rngs(0)))
        weights = drawn(weights)
        first = jax.jit(lambda: pretraining.start_state(*weights, optimizers_))()
        step = functools.partial(pretraining.train_step, graphdef=graphdef,
                                 optimizers_=optimizers_, settings=settings, seed=0)
        return first, step, lambda i: {"terms": pretraining_terms.terms_at(i, settings)}, {}

    def stage_2():
        settings = alignment.AlignmentSettings(gradient_clip=1.0, train_backbone_norm=True)
        shape = aligner.Architecture(SIZE, HEATMAP, MARKS, width_multiplier=WIDTH)
        graphdef, *weights = state.definition(shape.build)
        weights = drawn(weights)
        first = jax.jit(lambda: alignment.start_state(*weights, settings))()
        codec = heatmaps.HeatmapCodec(input_size=SIZE, heatmap_size=HEATMAP)
        step = functools.partial(alignment.train_step, graphdef=graphdef, settings=settings,
                                 codec=codec)
        extra = {"landmarks": rng.uniform(8, 56, (STEPS, BATCH, MARKS, 2)),
                 "landmark_mask": rng.uniform(size=(STEPS, BATCH, MARKS)) > 0.2}
        return first, step, lambda i: {}, extra

    results = []
    for name, build in (("pretraining", stage_1), ("alignment", stage_2)):
        first, step, static, extra = build()
        first = jax.tree.map(np.asarray, first)
        batches = {"image": rng.uniform(-0.5, 0.5, (STEPS, BATCH, SIZE, SIZE, 3))} | extra
        for number, (data, fsdp) in enumerate(meshes):
            mesh = sharding.make_mesh(data, fsdp, jax.devices()[: data * fsdp])
            shardings = sharding.state_shardings(mesh, first, min_bytes=256)
            jitted = jax.jit(step, static_argnames=tuple(static(0)),
                             out_shardings=(shardings, sharding.replicated(mesh)))
            grouping = contextlib.nullcontext  # TPUs take several images together
            if form == "groups" and number:
                grouping = functools.partial(image_groups.grouping, data * fsdp)
            def train(train_state, steps):
                losses = []
                for i in steps:
                    batch = sharding.to_global({k: v[i] for k, v in batches.items()}, mesh)
                    with grouping():
                        train_state, metrics = jitted(train_state, batch, **static(i))
                    losses.append(float(metrics["loss"]))
                return train_state, losses

            place = f"{folder}/{name}"
            train_state, losses = train(jax.device_put(first, shardings), range(STEPS - 1))
            last_of_moved = []
            with checkpointing.Checkpoints(place) as checkpoints:
                if number + 1 < len(meshes):
                    checkpoints.save(number + 1, train_state)
                if number:
                    like = sharding.abstract_with_shardings(first, shardings)
                    moved = checkpoints.restore(like, number).state
                    _, last_of_moved = train(moved, [STEPS - 1])
            train_state, last = train(train_state, [STEPS - 1])
            results.append({
                "stage": name, "mesh": [data, fsdp], "losses": losses + last,
                "moved": last_of_moved,
                "cut": sum(not s.is_fully_replicated for s in jax.tree.leaves(shardings)),
                "sums": [float(np.abs(x).sum()) for x in jax.tree.leaves(train_state.params)],
            })
    print(json.dumps(results))
"""


def _check(results):
    for stage in ("pretraining", "alignment"):
        one, *others = (result for result in results if result["stage"] == stage)
        assert one["mesh"] == [1, 1] and np.isfinite(one["losses"]).all()
        assert len(set(one["losses"])) == len(one["losses"])  # it trains
        for other in others:
            for name in ("losses", "sums"):
                np.testing.assert_allclose(
                    other[name], one[name], rtol=1e-8, err_msg=f"{stage} {other['mesh']} {name}"
                )
            # The state that the mesh before saved has the same next loss.
            np.testing.assert_allclose(other["moved"], one["losses"][-1:], rtol=1e-8)
            assert (other["cut"] > 10) == (other["mesh"][1] > 1)


def _compare(run_on_devices, meshes, folder, form):
    devices = max(data * fsdp for data, fsdp in meshes)
    printed = run_on_devices(devices, ON_MESHES, json.dumps(meshes), folder, form)
    _check(json.loads(printed.splitlines()[-1]))


def test_four_devices_of_which_two_share_parameters(run_on_devices, tmp_path):
    _compare(run_on_devices, [[1, 1], [2, 2]], tmp_path, "short")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("meshes", "form"),
    [
        ([[1, 1], [2, 1], [4, 1], [8, 1], [1, 2], [4, 2], [2, 4]], "short"),
        ([[1, 1], [4, 2]], "long"),
        ([[1, 1], [2, 2]], "groups"),
    ],
    ids=["every number of devices", "whole networks", "images in groups"],
)
def test_other_meshes(meshes, form, run_on_devices, tmp_path):
    _compare(run_on_devices, meshes, tmp_path, form)
