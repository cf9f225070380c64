"""oneDNN's convolutions, whole and in parts, against sums in NumPy."""

import dataclasses

import numpy as np
import pytest

from scaf_jax.ops.onednn import geometry, library, workers


def _geometry(kind, *sizes, swapped=False):
    shape, taps, others = sizes[:4], sizes[4:6], sizes[6:]
    return geometry.Geometry(kind, shape, taps, *others, swapped=swapped)


# batch, height, width, channels, rows, columns, features, stride, padding
SIZES = [
    (2, 9, 7, 3, 3, 3, 5, 1, 1),
    (1, 8, 8, 4, 3, 3, 2, 2, 1),
    (2, 15, 16, 3, 7, 7, 4, 2, 3),
    (3, 10, 8, 2, 4, 4, 3, 2, 1),
    (2, 6, 5, 16, 1, 1, 32, 2, 0),
    (1, 5, 4, 3, 4, 3, 1, 1, 0),
    (3, 8, 9, 20, 3, 3, 36, 1, 1),
]


pytestmark = pytest.mark.usefixtures("installed")


def _reference(g, x, kernel, y):
    """What each kind of map gives, by a sum over the window."""
    height, width = y.shape[1:3]
    (_, rows_of_x, columns_of_x, _), (num_rows, num_columns) = g.shape, g.taps
    padded = np.pad(x, ((0, 0), (g.padding,) * 2, (g.padding,) * 2, (0, 0)))
    results = {
        geometry.GATHER: np.zeros_like(y),
        geometry.SCATTER: np.zeros_like(padded),
        geometry.CORRELATE: np.zeros_like(kernel),
    }
    for i in range(num_rows):
        for j in range(num_columns):
            rows = slice(i, i + g.stride * (height - 1) + 1, g.stride)
            columns = slice(j, j + g.stride * (width - 1) + 1, g.stride)
            seen = padded[:, rows, columns]
            results[geometry.GATHER] += seen @ kernel[i, j]
            results[geometry.SCATTER][:, rows, columns] += y @ kernel[i, j].T
            results[geometry.CORRELATE][i, j] = np.tensordot(seen, y, ((0, 1, 2), (0, 1, 2)))
    inner = [slice(g.padding, g.padding + side) for side in (rows_of_x, columns_of_x)]
    results[geometry.SCATTER] = results[geometry.SCATTER][:, inner[0], inner[1]]
    return results[g.kind]


def _arrays(g):
    """x, kernel and y with normal numbers, kernels not swapped."""
    rng = np.random.default_rng(0)
    shapes = g.shape, (*g.taps, g.shape[3], g.features), g.shape_of_y
    return [rng.standard_normal(shape) for shape in shapes]


def _stored(g, i, array):
    """The i-th of x, kernel and y as oneDNN gets it."""
    array = array.swapaxes(2, 3) if i == 1 and g.swapped else array
    return np.ascontiguousarray(array, np.float32)


def _compute(g, parts, arrays):
    inputs, output = {
        geometry.GATHER: ((0, 1), 2),
        geometry.SCATTER: ((2, 1), 0),
        geometry.CORRELATE: ((0, 2), 1),
    }[g.kind]
    given = [_stored(g, i, arrays[i]) for i in inputs]
    result = np.full_like(_stored(g, output, arrays[output]), np.nan)
    addresses = [array.ctypes.data for array in given]

    def backwards(tasks):
        for task in reversed(tasks):
            task()

    workers.compute(g, parts, addresses, result.ctypes.data, backwards)
    return result.swapaxes(2, 3) if output == 1 and g.swapped else result


@pytest.mark.parametrize("swapped", [False, True], ids=["as_is", "swapped"])
@pytest.mark.parametrize("kind", geometry.KINDS)
@pytest.mark.parametrize("sizes", SIZES)
def test_every_map_is_the_sum_that_it_should_be(sizes, kind, swapped):
    g = _geometry(kind, *sizes, swapped=swapped)
    arrays = _arrays(g)
    result = _compute(g, [geometry.whole(g)], arrays)
    np.testing.assert_allclose(result, _reference(g, *arrays), rtol=0, atol=1e-4)


@pytest.mark.parametrize("swapped", [False, True], ids=["as_is", "swapped"])
@pytest.mark.parametrize("kind", geometry.KINDS)
@pytest.mark.parametrize("by", ["images", "channels"])
def test_parts_make_the_whole(by, kind, swapped):
    g = _geometry(kind, *SIZES[-1], swapped=swapped)
    made = "channels" if kind == geometry.SCATTER else "features"
    axis, ends = {
        "images": ("images", (0, 1, 2, 3)),
        "channels": (made, (0, 16, getattr(geometry.whole(g), made)[1])),
    }[by]
    parts = [
        dataclasses.replace(geometry.whole(g), **{axis: share})
        for share in zip(ends, ends[1:], strict=False)
    ]
    arrays = _arrays(g)
    result = _compute(g, parts, arrays)
    np.testing.assert_allclose(result, _reference(g, *arrays), rtol=0, atol=2e-4)


def test_what_onednn_refuses_is_an_error():
    g = dataclasses.replace(_geometry(geometry.GATHER, *SIZES[0]), features=-1)
    with pytest.raises(library.LibraryError, match="status"):
        workers.worker().run(g, geometry.whole(g), 0, 0, 0)


def test_onednn_has_no_threads_beside_xlas():
    assert library.count_threads() == 1
