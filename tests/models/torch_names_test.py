"""The table of PyTorch names: it covers the models, converts layouts and refuses misfits."""

import jax
import numpy as np
import pytest
from flax import nnx

from scaf_jax.models import adversarial_autoencoder, aligner, torch_names
from scaf_jax.training import state

NORM = ("weight", "bias", "running_mean", "running_var")


def _published_names(input_size: int, *, landmark_path: bool) -> list[str]:
    """What the state_dict of the published models lists."""
    modules = {"Q.conv1": 1, "Q.bn1": 4, "Q.fc": 2}
    for layer in range(0 if input_size == 256 else 1, 5):
        for block in "01":
            prefix = f"Q.layer{layer}.{block}"
            modules |= {f"{prefix}.conv{i}": 1 for i in "12"} | {f"{prefix}.bn{i}": 4 for i in "12"}
        if layer > 1 or (layer == 1 and input_size == 256):
            modules |= {f"Q.layer{layer}.0.downsample.0": 1, f"Q.layer{layer}.0.downsample.1": 4}
    modules |= {"P.fc": 2, "P.conv1": 1, "P.bn1": 4, "P.lin": 1}
    for layer in range(1, 6 if input_size == 256 else 5):
        prefix = f"P.layer{layer}.0"
        modules |= {f"{prefix}.conv{i}": 1 for i in "12"} | {f"{prefix}.bn{i}": 4 for i in "12"}
        modules |= {f"{prefix}.upsample.0": 1, f"{prefix}.upsample.1": 4}
    if landmark_path:
        modules |= {f"LMH.t{i}": 1 for i in "1234"} | {"LMH.lin": 1}
    else:
        modules |= {f"D_z.lin{i}": 2 for i in "123"}
        modules |= {f"D.main.{i}": 1 for i in (0, 2, 5, 8, 11, 14)}
        modules |= {f"D.main.{i}": 4 for i in (3, 6, 9, 12)}
    return [f"{module}.{leaf}" for module, count in modules.items() for leaf in NORM[:count]]


def _trees(input_size: int, *, landmark_path: bool):
    def build() -> nnx.Module:
        if landmark_path:
            return aligner.Aligner(
                input_size=input_size,
                heatmap_size=128,
                num_landmarks=68,
                skips=False,
                rngs=nnx.Rngs(0),
            )
        return adversarial_autoencoder.PretrainingModel(input_size=input_size, rngs=nnx.Rngs(0))

    return state.split(nnx.eval_shape(build))[1:]


@pytest.mark.parametrize("landmark_path", [False, True])
@pytest.mark.parametrize("input_size", [128, 256])
def test_the_table_maps_published_names_one_to_one(input_size, landmark_path):
    params, batch_stats = _trees(input_size, landmark_path=landmark_path)
    names = _published_names(input_size, landmark_path=landmark_path)
    tensors = {}
    for number, name in enumerate(names):
        place = torch_names.place_of(name)
        leaf = place.find(params, batch_stats)
        shape = place.to_torch(np.empty(leaf.shape, np.int8)).shape
        tensors[name] = np.broadcast_to(np.int32(number), shape)
    loaded = torch_names.load(tensors, params, batch_stats)
    numbers = [int(leaf.flat[0]) for leaf in jax.tree.leaves(loaded)]
    assert sorted(numbers) == list(range(len(names)))


@pytest.mark.parametrize(
    ("name", "path", "torch_shape", "our_shape"),
    [
        ("Q.conv1.weight", "encoder/stem/kernel", (64, 3, 7, 7), (7, 7, 3, 64)),
        ("P.lin.weight", "generator/head/kernel", (64, 3, 4, 4), (4, 4, 64, 3)),
        ("Q.fc.weight", "encoder/head/kernel", (99, 512), (512, 99)),
        ("Q.fc.bias", "encoder/head/bias", (99,), (99,)),
        ("Q.bn1.weight", "encoder/stem_norm/scale", (64,), (64,)),
        ("D.main.3.running_var", "image_discriminator/norms/conv1/var", (64,), (64,)),
        ("LMH.lin.weight", "transfer/head/kernel", (64, 68, 4, 4), (4, 4, 64, 68)),
        (
            "HPM.2.conv3.weight",
            "transfer/bottlenecks/layer2/conv3/kernel",
            (4, 6, 3, 3),
            (3, 3, 6, 4),
        ),
        ("HPM.2.bn3.running_mean", "transfer/bottlenecks/layer2/norm3/mean", (4,), (4,)),
        ("HPM.1.gain", "transfer/gains/layer1", (64,), (64,)),
    ],
)
def test_places_and_layouts(name, path, torch_shape, our_shape):
    place = torch_names.place_of(name)
    assert "/".join(place.path) == path
    assert place.is_statistic == ("running" in name)
    assert torch_names.name_of(place.path, is_statistic=place.is_statistic) == name
    tensor = np.random.default_rng(0).standard_normal(torch_shape)
    ours = place.to_ours(tensor)
    assert ours.shape == our_shape
    np.testing.assert_array_equal(place.to_torch(ours), tensor)


def test_every_array_of_a_network_with_skips_has_a_name_of_its_own():
    def build() -> nnx.Module:
        return aligner.Aligner(input_size=256, heatmap_size=128, num_landmarks=5, rngs=nnx.Rngs(0))

    trees = state.split(nnx.eval_shape(build))[1:]
    names = {}
    for is_statistic, tree in enumerate(trees):
        for path, _ in jax.tree_util.tree_leaves_with_path(tree):
            keys = tuple(entry.key for entry in path)
            name = torch_names.name_of(keys, is_statistic=bool(is_statistic))
            names[name] = (bool(is_statistic), keys)
    assert len(names) == len(jax.tree.leaves(trees))
    for name, (is_statistic, keys) in names.items():
        place = torch_names.place_of(name)
        assert (place.is_statistic, place.path) == (is_statistic, keys)


def test_unknown_paths_are_refused():
    for path in (("encoder", "stem", "bias"), ("encoder",), ("bottleneck", "conv1", "gain")):
        with pytest.raises(ValueError, match=f"the array '{'/'.join(path)}'"):
            torch_names.name_of(path, is_statistic=False)
    with pytest.raises(ValueError, match="no PyTorch name"):
        torch_names.name_of(("encoder", "stem", "kernel"), is_statistic=True)


@pytest.mark.parametrize(
    "name",
    ["X.conv1.weight", "Q.conv1.bias", "Q.conv1.running_mean", "conv1.weight", "Q.conv1", ""],
)
def test_unknown_names_are_refused(name):
    with pytest.raises(ValueError, match=f"no place is known for the PyTorch tensor '{name}'"):
        torch_names.place_of(name)


def test_batch_counters_are_ignored():
    assert torch_names.place_of("Q.bn1.num_batches_tracked") is None


BLOCK = {"HPM.conv1.weight": (2, 4, 3, 3), "HPM.bn1.running_mean": (4,)}
PARAMS = {"bottleneck": {"conv1": {"kernel": np.empty((3, 3, 4, 2))}}}
STATISTICS = {"bottleneck": {"norm1": {"mean": np.empty(4)}}}


def _load(**changes):
    shapes = BLOCK | changes
    tensors = {name: np.zeros(shape) for name, shape in shapes.items() if shape}
    return torch_names.load(tensors, PARAMS, STATISTICS)


def test_load_keeps_the_structure_and_ignores_counters():
    params, batch_stats = _load(**{"HPM.bn1.num_batches_tracked": (1,)})
    assert jax.tree.structure(params) == jax.tree.structure(PARAMS)
    assert params["bottleneck"]["conv1"]["kernel"].shape == (3, 3, 4, 2)
    assert batch_stats["bottleneck"]["norm1"]["mean"].shape == (4,)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"HPM.conv1.weight": None}, "nothing fits bottleneck/conv1/kernel"),
        ({"HPM.bn1.running_mean": None}, "nothing fits bottleneck/norm1/mean"),
        ({"HPM.conv2.weight": (2, 2, 3, 3)}, "'HPM.conv2.weight' has no place in it"),
        ({"HPM.conv1.weight": (4, 2, 3, 3)}, r"has shape \(4, 2, 3, 3\), not \(2, 4, 3, 3\)"),
        ({"HPM.conv1.weight": (2, 4)}, r"has shape \(2, 4\), not \(2, 4, 3, 3\)"),
    ],
    ids=["missing", "missing statistic", "unexpected", "shape", "dimensions"],
)
def test_misfits_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        _load(**changes)


def test_select_takes_whole_networks():
    names = ["D.main.0.weight", "D_z.lin1.weight", "Q.conv1.weight"]
    chosen = torch_names.select({name: np.zeros(1) for name in names}, ["D", "Q"])
    assert list(chosen) == ["D.main.0.weight", "Q.conv1.weight"]


def test_layers_agree_with_pytorch():
    torch = pytest.importorskip("torch", reason="needs PyTorch: pip install 'scaf_jax[torch]'")
    from scaf_jax.ops import convolutions

    rng = np.random.default_rng(0)
    images = rng.standard_normal((2, 5, 9, 9)).astype(np.float32)
    ours = np.moveaxis(images, 1, -1)
    kernel = rng.standard_normal((7, 5, 3, 3)).astype(np.float32)
    expected = torch.nn.functional.conv2d(
        torch.from_numpy(images), torch.from_numpy(kernel), stride=2, padding=1
    )
    converted = torch_names.place_of("Q.conv1.weight").to_ours(kernel)
    y = convolutions.conv2d(ours, converted, stride=2, padding=1)
    np.testing.assert_allclose(np.moveaxis(y, -1, 1), expected.numpy(), rtol=1e-4, atol=1e-4)

    kernel = rng.standard_normal((5, 6, 4, 4)).astype(np.float32)
    expected = torch.nn.functional.conv_transpose2d(
        torch.from_numpy(images), torch.from_numpy(kernel), stride=2, padding=1
    )
    converted = torch_names.place_of("P.lin.weight").to_ours(kernel)
    y = convolutions.conv_transpose2d(ours, converted, stride=2, padding=1)
    np.testing.assert_allclose(np.moveaxis(y, -1, 1), expected.numpy(), rtol=1e-4, atol=1e-4)
