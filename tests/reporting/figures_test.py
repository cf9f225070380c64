"""Pictures: points are drawn in their color where they belong, at every crop size."""

import numpy as np
import pytest

from scaf_jax.reporting import drawing, figures

GRAY = 128


def faces(size, count=3):
    images = np.full((count, size, size, 3), GRAY, np.uint8)
    # Two landmarks, far apart; predictions a quarter of the crop to the right.
    truth = np.tile(np.array([[0.25, 0.25], [0.25, 0.75]]) * size - 0.5, (count, 1, 1))
    return images, truth + [size / 4, 0], truth


def near(image, color, tolerance=10):
    """Where a picture has a color: (K, 2) x, y."""
    found = np.abs(image.astype(int) - color).max(axis=-1) <= tolerance
    return np.argwhere(found)[:, ::-1]


def cells(picture):
    """Left upper corners of the picture's cells, found by their uniform gray background."""
    gray = (picture == GRAY).all(axis=-1)
    # Letters have gray edges too, but few of them in a line.
    lines = [gray.sum(axis=axis) > drawing.CELL // 2 for axis in (0, 1)]
    return [np.flatnonzero(line & ~np.roll(line, 1)) for line in lines]


def assert_dot(cell, color, center, source_size):
    """The cell's pixels of that color are a disc about the center, given in crop pixels."""
    expected = (np.asarray(center) + 0.5) * drawing.CELL / source_size - 0.5
    where = near(cell, color)
    close = where[np.linalg.norm(where - expected, axis=-1) < 10]
    assert len(close) >= 4
    np.testing.assert_allclose(close.mean(axis=0), expected, atol=0.6)


@pytest.mark.parametrize("size", [64, 128, 256, 300])
def test_face_grid_draws_points_where_they_are(size):
    images, predicted, truth = faces(size)
    picture = figures.face_grid(
        images, images, predicted, truth, columns=2, captions=["one", "two", "three"]
    )
    assert picture.dtype == np.uint8
    left, top = cells(picture)
    assert (len(left), len(top)) == (2, 6)  # two bands of input, reconstruction, reconstruction
    for row in (0, 2, 3, 5):
        cell = picture[top[row] : top[row] + drawing.CELL, left[0] : left[0] + drawing.CELL]
        for landmark in range(2):
            assert_dot(cell, drawing.GREEN, truth[0, landmark], size)
            assert_dot(cell, drawing.BLUE, predicted[0, landmark], size)
    plain = picture[top[1] : top[1] + drawing.CELL, left[0] : left[0] + drawing.CELL]
    assert (plain == GRAY).all()


def test_faces_without_reconstructions_are_shown_alone():
    images, predicted, truth = faces(64)
    picture = figures.face_grid(images, None, predicted, truth, columns=2, captions=["a", "b", "c"])
    left, top = cells(picture)
    assert (len(left), len(top)) == (2, 2)
    cell = picture[top[1] : top[1] + drawing.CELL, left[0] : left[0] + drawing.CELL]
    assert_dot(cell, drawing.GREEN, truth[2, 0], 64)


def test_equal_points_show_both_colors():
    images, _, truth = faces(64, 1)
    picture = figures.face_grid(images, images, truth, truth)
    left, top = cells(picture)
    cell = picture[top[0] : top[0] + drawing.CELL, left[0] : left[0] + drawing.CELL]
    assert_dot(cell, drawing.BLUE, truth[0, 0], 64)
    greenish = (cell[..., 1].astype(int) - cell[..., 2]) > 30
    assert greenish.sum() > 8


def test_masked_points_are_not_drawn():
    images, predicted, truth = faces(64, 1)
    mask = np.array([[True, False]])
    predicted[0, 1] = truth[0, 1] = np.nan
    picture = figures.worst_faces(
        images, predicted, truth, nme=np.array([3.0]), keys=["k"], mask=mask
    )
    left, top = cells(picture)
    cell = picture[top[0] : top[0] + drawing.CELL, left[0] : left[0] + drawing.CELL]
    assert_dot(cell, drawing.GREEN, truth[0, 0], 64)
    assert (cell[drawing.CELL // 2 :] == GRAY).all()


def test_points_far_outside_or_on_the_border_do_no_harm():
    images, predicted, truth = faces(64, 1)
    truth[0] = [[-0.5, 20], [63.5, 63.5]]
    predicted[0] = [[1e12, -1e12], [70, -5]]
    picture = figures.worst_faces(images, predicted, truth, nme=np.array([99.0]), keys=["k"])
    left, top = cells(picture)
    cell = picture[top[0] : top[0] + drawing.CELL, left[0] : left[0] + drawing.CELL]
    assert len(near(cell[:, :4], drawing.GREEN)) > 2


def test_worst_faces_joins_true_and_predicted_points():
    images, predicted, truth = faces(128, 1)
    picture = figures.worst_faces(
        images, predicted, truth, nme=np.array([12.5]), keys=["helen/$x$_1.jpg"]
    )
    left, top = cells(picture)
    x = left[0] + 0.375 * drawing.CELL
    y = top[0] + 0.25 * drawing.CELL
    line = picture[int(y) - 2 : int(y) + 2, int(x) - 3 : int(x) + 3]
    assert len(near(line, drawing.YELLOW, 60)) > 2


def test_worst_indices_leaves_nan_out():
    nme = np.array([3.0, np.nan, 9.0, 1.0, 9.0])
    assert figures.worst_indices(nme, 3).tolist() == [2, 4, 0]
    assert figures.worst_indices(nme, 9).tolist() == [2, 4, 0, 3]


def test_heatmap_row_is_bright_where_the_map_is_and_dim_where_it_is_weak():
    images, predicted, truth = faces(64, 2)
    maps = np.zeros((2, 32, 32, 2))
    maps[:, 8, 24, 0] = 1
    weak = 0.3 * maps
    picture = figures.heatmap_row(images, predicted, truth, weak, maps, captions=["a", "b"])
    left, top = cells(picture)
    columns = [left[0] + i * (drawing.CELL + 6) for i in range(3)]
    true, guess = (
        picture[top[0] : top[0] + drawing.CELL, x : x + drawing.CELL].sum(axis=-1)
        for x in columns[1:]
    )
    peak = np.unravel_index(true.argmax(), true.shape)
    np.testing.assert_allclose(peak, (8 * 8 + 3.5, 24 * 8 + 3.5), atol=5)
    assert true.max() > 1.5 * guess.max() > 0
    assert true[-20:].max() < 20


def test_heatmap_colors_take_what_is_out_of_range():
    wild = np.array([[-5.0, np.nan], [0.5, 9.0]])
    tame = np.array([[0.0, 0.0], [0.5, 1.0]])
    np.testing.assert_array_equal(drawing.color_heatmap(wild), drawing.color_heatmap(tame))


def test_stage_one_grids_hold_all_images():
    images = np.stack([np.full((32, 32, 3), 40 + 10 * i, np.uint8) for i in range(6)])
    grids = [
        figures.reconstruction_grid(images[:3], images[3:], captions=["x"] * 3, columns=2),
        figures.sample_grid(images, columns=4),
        figures.interpolation_grid(
            images[:4].reshape(2, 2, 32, 32, 3), ends=images[[[4, 5], [5, 4]]]
        ),
    ]
    for grid in grids:
        for image in images:
            assert (grid == image[0, 0]).all(axis=-1).sum() >= 150 * 150


def test_a_grid_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one picture"):
        figures.sample_grid(np.zeros((0, 8, 8, 3), np.uint8))


def test_long_names_keep_both_ends():
    name = "a/very/long/folder/name/with/a/file_000123.jpg"
    short = drawing.shorten(name, 200)
    assert len(short) < len(name)
    assert short.startswith("a/very") and short.endswith("000123.jpg")
    assert drawing.shorten("short.jpg", 200) == "short.jpg"
