"""The PyTorch twin computes what we compute: forward passes, decoding, losses of both stages."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs PyTorch: pip install 'scaf_jax[torch]'")

import jax
from flax import nnx

from scaf_jax.benchmark import jax_steps, torch_functions, torch_twin, workloads
from scaf_jax.landmarks import heatmaps
from scaf_jax.models import torch_networks
from scaf_jax.training import losses, preprocessing, state

torch = torch_functions.torch
WIDTH = 1 / 16
SIZES = [64, *(pytest.param(size, marks=pytest.mark.slow) for size in (128, 256))]


def _drawn(workload):
    """Weights like trained ones: fresh batch norms (1, 0) would hide a mixed-up name."""
    shapes = state.split(nnx.eval_shape(workload.build_model))[1:]
    rng = np.random.default_rng(0)

    def draw(leaf):
        if leaf.ndim == 1:
            return rng.uniform(0.5, 1.5, leaf.shape).astype(np.float32)
        scale = np.prod(leaf.shape[:-1]) ** -0.5
        return (scale * rng.standard_normal(leaf.shape)).astype(np.float32)

    return jax.tree.map(draw, shapes)


def _nchw(array):
    return np.moveaxis(np.asarray(array), -1, 1)


@pytest.mark.parametrize("size", SIZES)
def test_embeddings_and_reconstructions_agree(size):
    workload = workloads.Workload(workloads.PRETRAINING, size, 2, WIDTH)
    weights, image = _drawn(workload), workload.batch()["image"]

    @jax.jit
    def run(params, batch_stats, image):
        model = state.merge(workload.graphdef(), params, batch_stats)
        images = preprocessing.normalize(image)
        z, _ = model.encoder(images, train=False)
        return z, model.generator(z, train=False), model.image_discriminator(images, train=False)

    model = torch_networks.Autoencoder(size, WIDTH, 0.0)
    torch_twin.load(model, *weights)
    model.eval()
    with torch.inference_mode():
        images = torch_functions.normalize(torch.from_numpy(image))
        z, _ = model.Q(images)
        theirs = z.numpy(), model.P(z).numpy(), model.D(images).numpy()
    embeddings, reconstructions, verdicts = run(*weights, image)
    np.testing.assert_allclose(embeddings, theirs[0], rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(_nchw(reconstructions), theirs[1], rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(verdicts, theirs[2], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("size", SIZES)
def test_heatmaps_agree(size):
    workload = workloads.Workload(workloads.INFERENCE, size, 2, WIDTH)
    weights, image = _drawn(workload), workload.batch()["image"]

    @jax.jit
    def run(params, batch_stats, image):
        model = state.merge(workload.graphdef(), params, batch_stats)
        return model(preprocessing.normalize(image), train=False)[0]

    heatmap_size = workload.codec.heatmap_size
    model = torch_networks.Aligner(size, heatmap_size, workloads.NUM_LANDMARKS, WIDTH)
    torch_twin.load(model, *weights)
    model.eval()
    with torch.inference_mode():
        theirs = model(torch_functions.normalize(torch.from_numpy(image)))
    ours = _nchw(run(*weights, image))
    assert theirs.is_contiguous(memory_format=torch.channels_last)
    np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-3, atol=1e-3 * np.abs(ours).max())


def test_the_codec_agrees():
    codec = heatmaps.HeatmapCodec(input_size=256, heatmap_size=128)
    landmarks = np.random.default_rng(0).uniform(-20, 276, (2, 68, 2)).astype(np.float32)
    ours = codec.encode(landmarks)
    theirs = torch_functions.encode(torch.from_numpy(landmarks), codec)
    assert theirs.is_contiguous(memory_format=torch.channels_last)
    np.testing.assert_allclose(_nchw(ours), theirs.numpy(), atol=1e-5)
    # No two pixels of noise are equal, so that no maximum is a matter of rounding.
    noise = np.random.default_rng(1).uniform(0, 1, (2, 128, 128, 5)).astype(np.float32)
    theirs = torch_functions.decode(torch.from_numpy(_nchw(noise)), codec)
    np.testing.assert_allclose(codec.decode(noise), theirs.numpy(), atol=1e-4)


def test_the_structural_loss_agrees():
    rng = np.random.default_rng(0)
    x, r = (rng.uniform(-0.4, 0.6, (2, 48, 48, 3)).astype(np.float32) for _ in range(2))
    x[1, 0, 0, 0] = -0.51  # the wider data range
    window = torch_functions.gaussian_window(3)
    theirs = torch_functions.structural(
        torch.from_numpy(_nchw(x)), torch.from_numpy(_nchw(r)), window
    )
    np.testing.assert_allclose(losses.structural(x, r).mean(), float(theirs), rtol=1e-4)


@pytest.mark.slow
def test_losses_of_a_cycle_of_stage_1_agree():
    workload = workloads.Workload(workloads.PRETRAINING, 64, 4, WIDTH)
    real = np.random.default_rng(2).standard_normal((4, 99)).astype(np.float32)
    weights, batch = workload.weights(), workload.batch() | {"real_embeddings": real}
    ours = jax_steps.build(workload, weights, batch, plain=False, dropout=False).step
    theirs = torch_twin.build(workload, weights, batch, threads=1, dropout=False)
    turns = []
    for number in range(4):
        our_losses = {k: float(v) for k, v in ours().items() if np.isfinite(v)}
        their_losses = {k: float(v) for k, v in theirs().items()}
        turns.append(sorted(their_losses))
        assert sorted(our_losses) == turns[-1]
        # In the first step they agree to rounding, which Adam without momentum then amplifies.
        tolerance = 1e-3 if number == 0 else 2e-2
        for name, value in our_losses.items():
            np.testing.assert_allclose(their_losses[name], value, rtol=tolerance, err_msg=name)
    assert [len(names) for names in turns] == [7, 4, 6, 4]


@pytest.mark.slow
def test_losses_of_stage_2_agree():
    workload = workloads.Workload(workloads.ALIGNMENT, 64, 4, WIDTH)
    weights, batch = workload.weights(), workload.batch()
    batch["landmark_mask"][1, ::3] = False
    ours = jax_steps.build(workload, weights, batch, plain=False).step
    theirs = torch_twin.build(workload, weights, batch, threads=1)
    pairs = np.array([(float(ours()["loss"]), float(theirs()["loss"])) for _ in range(4)])
    np.testing.assert_allclose(pairs[0, 0], pairs[0, 1], rtol=1e-4)
    np.testing.assert_allclose(pairs[:, 0], pairs[:, 1], rtol=5e-3)
    assert pairs[3, 0] < pairs[0, 0]


def test_gradients_that_nobody_uses_are_not_computed():
    workload = workloads.Workload(workloads.ALIGNMENT, 64, 2, WIDTH)
    model = torch_networks.Aligner(64, 64, workloads.NUM_LANDMARKS, WIDTH)
    tensors = {name: torch.from_numpy(array) for name, array in workload.batch().items()}
    before = [x.clone() for x in [*model.P.parameters(), *model.Q.buffers()]]
    torch_twin.AlignmentTwin(model, tensors, workload.codec).step()
    assert all(p.grad is None for p in model.P.parameters())
    assert all(p.grad is not None for p in [*model.Q.parameters(), *model.HPM.parameters()])
    after = [*model.P.parameters(), *model.Q.buffers()]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_weights_that_do_not_fit_are_refused():
    workload = workloads.Workload(workloads.INFERENCE, 64, 2, WIDTH)
    model = torch_networks.Aligner(64, 64, workloads.NUM_LANDMARKS, 2 * WIDTH)
    with pytest.raises(ValueError, match="do not fit the PyTorch networks"):
        torch_twin.load(model, *_drawn(workload))


@pytest.mark.filterwarnings("ignore:The .grad attribute")  # of torch.compile
@pytest.mark.parametrize(
    ("form", "tolerance"),
    [(torch_twin.Form(compiler="eager"), 1e-3), (torch_twin.Form(bfloat16=True), 0.1)],
    ids=["compiled", "bfloat16"],
)
def test_the_forms_of_an_accelerator_compute_the_same(form, tolerance):
    workload = workloads.Workload(workloads.PRETRAINING, 64, 2, WIDTH)
    weights, batch = _drawn(workload), workload.batch()
    plain, other = (
        torch_twin.build(workload, weights, batch, threads=1, dropout=False, form=one)
        for one in (torch_twin.EAGER, form)
    )
    torch.manual_seed(0)
    expected = plain()
    torch.manual_seed(0)
    found = other()
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name].dtype == torch.float32
        np.testing.assert_allclose(found[name], value, rtol=tolerance, err_msg=name)
