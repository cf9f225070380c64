"""Rows of batches: what each process reads, by counting."""

import numpy as np
import pytest

from scaf_jax.data import batch_rows

FACES = [f"face {i}" for i in range(7)]


def test_each_epoch_has_every_face_once_in_an_order_of_its_own():
    epochs = batch_rows.Epochs(FACES, seed=3)
    orders = [[epochs[7 * epoch + i] for i in range(7)] for epoch in range(3)]
    assert all(sorted(order) == list(enumerate(FACES)) for order in orders)
    assert orders[0] != orders[1] != orders[2]
    again = batch_rows.Epochs(FACES, seed=3)
    assert [again[14 + i] for i in range(7)] == orders[2]  # whatever was asked for before
    assert [batch_rows.Epochs(FACES, seed=4)[i] for i in range(7)] != orders[0]


def test_processes_share_a_global_batch_in_consecutive_rows():
    rows = [batch_rows.Rows(batch_size=6, local_size=2, process_index=i) for i in range(3)]
    places = np.array([[row.place(i) for i in range(4)] for row in rows])
    assert places.tolist() == [[0, 1, 6, 7], [2, 3, 8, 9], [4, 5, 10, 11]]
    sliced = batch_rows.Sliced(list(range(12)), rows[1])
    assert [sliced[i] for i in range(len(sliced))] == [2, 3, 8, 9]


def test_rows_beyond_the_last_face_are_empty_and_every_process_has_as_many():
    rows = [batch_rows.Rows(batch_size=4, local_size=2, process_index=i) for i in range(2)]
    padded = [batch_rows.Padded(FACES, row) for row in rows]
    assert [len(part) for part in padded] == [4, 4]
    last = [part[i] for part in padded for i in range(2, 4)]
    assert last == [(4, "face 4"), (5, "face 5"), (6, "face 6"), (-1, None)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((7, 0, 2), "positive multiple of 2"), ((0, 0, 1), "positive"), ((4, 2, 2), "not in 0..1")],
)
def test_batches_that_cannot_be_divided_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        batch_rows.local_batch_size(*arguments)
