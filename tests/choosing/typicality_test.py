"""TypiClust against plain Python on clusters that nobody can mistake."""

import numpy as np
import pytest

from scaf_jax.choosing import typicality


def _blobs(sizes, seed=0):
    """Points around far centers, and whose they are."""
    rng = np.random.default_rng(seed)
    centers = 100 * np.eye(len(sizes))
    owner = np.repeat(np.arange(len(sizes)), sizes)
    return centers[owner] + rng.normal(size=(len(owner), len(sizes))), owner


def _typicality_oracle(points):
    count = min(20, max(len(points) // 2, 1))
    found = []
    for i, point in enumerate(points):
        lengths = sorted(
            float(np.sqrt(((point - other) ** 2).sum())) for j, other in enumerate(points) if j != i
        )
        found.append(count / sum(lengths[:count]))
    return np.array(found)


@pytest.mark.parametrize("count", [2, 7, 60])
def test_typicality_against_numpy(count):
    points = np.random.default_rng(count).normal(size=(count, 4))
    expected = _typicality_oracle(points)
    np.testing.assert_allclose(typicality.typicality(points), expected)


def test_typicality_of_one_point_and_of_copies():
    assert typicality.typicality(np.zeros((1, 3))).tolist() == [1]
    assert np.isinf(typicality.typicality(np.zeros((6, 3)))).all()


def test_each_cluster_gives_its_most_typical_point_the_largest_first():
    points, owner = _blobs([8, 20, 14, 11])
    chosen = typicality.typiclust(points, points[:0], 4)
    expected = []
    for cluster in (1, 2, 3, 0):
        members = np.flatnonzero(owner == cluster)
        expected.append(members[_typicality_oracle(points[members]).argmax()])
    assert chosen.dtype == np.int64
    assert chosen.tolist() == expected


def test_clusters_with_labeled_points_wait_and_small_ones_are_left_out():
    points, owner = _blobs([8, 20, 3, 11])
    labeled = points[owner == 1][:1]
    # Four clusters of points, one of them labeled already, and one of three outliers.
    chosen = typicality.typiclust(points, labeled, 3)
    assert owner[chosen].tolist() == [3, 0, 1]


def test_everything_can_be_chosen_and_nothing_twice():
    points, _ = _blobs([3, 2, 4])
    assert sorted(typicality.typiclust(points, points[:2], 9)) == list(range(9))
    copies = np.zeros((7, 2))
    assert sorted(typicality.typiclust(copies, copies[:3], 7)) == list(range(7))


def test_k_means_finds_clusters_and_repeats_itself():
    points, owner = _blobs([30, 5, 12])
    found = typicality.k_means(points, 3, seed=3)
    assert len({(a, b) for a, b in zip(found, owner, strict=True)}) == 3
    np.testing.assert_array_equal(found, typicality.k_means(points, 3, seed=3))


@pytest.mark.parametrize(
    ("pool", "labeled", "count", "message"),
    [
        (np.zeros((3, 2)), np.zeros((0, 2)), 4, "cannot choose 4 of 3"),
        (np.zeros((3, 2)), np.zeros((0, 2)), 0, "cannot choose 0 of 3"),
        (np.zeros((3, 2)), np.zeros((1, 3)), 1, r"need \(N, D\) and \(M, D\)"),
    ],
)
def test_what_does_not_fit_is_refused(pool, labeled, count, message):
    with pytest.raises(ValueError, match=message):
        typicality.typiclust(pool, labeled, count)
