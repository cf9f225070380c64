"""How a convolution is divided among threads."""

import pytest

from scaf_jax.ops.onednn import geometry
from scaf_jax.ops.onednn.geometry import CORRELATE, GATHER, KINDS, SCATTER, Geometry, Part


def _map(kind, shape, features, side=3, stride=1):
    return Geometry(kind, shape, (side, side), features, stride, side // 2)


def test_a_geometry_survives_as_numbers():
    g = Geometry(CORRELATE, (2, 9, 7, 3), (3, 4), 5, 2, 1, swapped=True)
    assert Geometry.from_numbers(g.to_numbers()) == g
    assert all(isinstance(number, int) for number in g.to_numbers())


def test_sizes():
    g = Geometry(GATHER, (2, 9, 7, 3), (3, 4), 5, 2, 1)
    assert g.shape_of_y == (2, 5, 3, 5)
    assert g.kernel_elements == 3 * 4 * 3 * 5


@pytest.mark.parametrize("kind", KINDS)
def test_large_images_are_divided(kind):
    parts = geometry.split(_map(kind, (7, 64, 64, 64), 64), 3)
    assert [part.images for part in parts] == [(0, 2), (2, 4), (4, 7)]
    assert {(part.channels, part.features) for part in parts} == {((0, 64), (0, 64))}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(8, 4, 4, 512), (1, 32, 32, 512)], ids=["kernel", "one image"])
def test_large_kernels_and_few_images_are_divided_by_what_is_made(kind, shape):
    parts = geometry.split(_map(kind, shape, 512), 2)
    made, kept = ("channels", "features") if kind == SCATTER else ("features", "channels")
    assert [getattr(part, made) for part in parts] == [(0, 256), (256, 512)]
    assert {(part.images, getattr(part, kept)) for part in parts} == {((0, shape[0]), (0, 512))}


def test_channels_stay_in_groups_of_sixteen():
    parts = geometry.split(_map(GATHER, (1, 64, 64, 64), 68), 2)
    assert [part.features for part in parts] == [(0, 32), (32, 68)]
    (only,) = geometry.split(_map(GATHER, (1, 128, 128, 64), 3), 2)
    assert only.features == (0, 3)


@pytest.mark.parametrize("threads,shape", [(1, (8, 64, 64, 64)), (4, (4, 8, 8, 16))])
def test_one_thread_or_little_work_is_not_divided(threads, shape):
    g = _map(GATHER, shape, 16)
    assert geometry.split(g, threads) == [geometry.whole(g)]
    assert geometry.whole(g) == Part((0, shape[0]), (0, shape[3]), (0, 16))
