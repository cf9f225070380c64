"""oneDNN's convolutions against sums in NumPy."""

import dataclasses

import numpy as np
import pytest

from scaf_jax.models.onednn import library


def _geometry(kind, *sizes, swapped=False):
    shape, taps, others = sizes[:4], sizes[4:6], sizes[6:]
    return library.Geometry(kind, shape, taps, *others, swapped=swapped)


# batch, height, width, channels, rows, columns, features, stride, padding
SIZES = [
    (2, 9, 7, 3, 3, 3, 5, 1, 1),
    (1, 8, 8, 4, 3, 3, 2, 2, 1),
    (2, 15, 16, 3, 7, 7, 4, 2, 3),
    (3, 10, 8, 2, 4, 4, 3, 2, 1),
    (2, 6, 5, 16, 1, 1, 32, 2, 0),
    (1, 5, 4, 3, 4, 3, 1, 1, 0),
]


pytestmark = pytest.mark.usefixtures("installed")


def _reference(g, x, kernel, y):
    """What each kind of map gives, by a sum over the window."""
    height, width = y.shape[1:3]
    (_, rows_of_x, columns_of_x, _), (num_rows, num_columns) = g.shape, g.taps
    padded = np.pad(x, ((0, 0), (g.padding,) * 2, (g.padding,) * 2, (0, 0)))
    results = {
        library.GATHER: np.zeros_like(y),
        library.SCATTER: np.zeros_like(padded),
        library.CORRELATE: np.zeros_like(kernel),
    }
    for i in range(num_rows):
        for j in range(num_columns):
            rows = slice(i, i + g.stride * (height - 1) + 1, g.stride)
            columns = slice(j, j + g.stride * (width - 1) + 1, g.stride)
            seen = padded[:, rows, columns]
            results[library.GATHER] += seen @ kernel[i, j]
            results[library.SCATTER][:, rows, columns] += y @ kernel[i, j].T
            results[library.CORRELATE][i, j] = np.tensordot(seen, y, ((0, 1, 2), (0, 1, 2)))
    inner = [slice(g.padding, g.padding + side) for side in (rows_of_x, columns_of_x)]
    results[library.SCATTER] = results[library.SCATTER][:, inner[0], inner[1]]
    return results[g.kind]


@pytest.mark.parametrize("swapped", [False, True], ids=["as_is", "swapped"])
@pytest.mark.parametrize("kind", library.KINDS)
@pytest.mark.parametrize("sizes", SIZES)
def test_every_map_is_the_sum_that_it_should_be(sizes, kind, swapped):
    g = _geometry(kind, *sizes, swapped=swapped)
    rng = np.random.default_rng(0)
    size = [
        (side + 2 * g.padding - taps) // g.stride + 1
        for side, taps in zip(g.shape[1:3], g.taps, strict=True)
    ]
    x = rng.standard_normal(g.shape)
    kernel = rng.standard_normal((*g.taps, g.shape[3], g.features))
    y = rng.standard_normal((g.shape[0], *size, g.features))
    expected = _reference(g, x, kernel, y)

    def stored(array):
        is_swapped_kernel = swapped and array.shape == kernel.shape
        array = array.swapaxes(2, 3) if is_swapped_kernel else array
        return np.ascontiguousarray(array, np.float32)

    inputs = {
        library.GATHER: (x, kernel),
        library.SCATTER: (y, kernel),
        library.CORRELATE: (x, y),
    }[kind]
    inputs = [stored(array) for array in inputs]
    output = np.full(stored(expected).shape, np.nan, np.float32)
    library.Convolution(g)(*(array.ctypes.data for array in [*inputs, output]))
    np.testing.assert_allclose(output, stored(expected), rtol=0, atol=1e-4)


def test_a_geometry_survives_as_numbers():
    g = _geometry(library.CORRELATE, *SIZES[0], swapped=True)
    assert library.Geometry.from_numbers(g.to_numbers()) == g
    assert all(isinstance(number, int) for number in g.to_numbers())


def test_what_onednn_refuses_is_an_error():
    impossible = dataclasses.replace(_geometry(library.GATHER, *SIZES[0]), features=-1)
    with pytest.raises(library.LibraryError, match="status"):
        library.Convolution(impossible)
