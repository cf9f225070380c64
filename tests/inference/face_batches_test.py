"""Tests of how photos become batches and batches photos again, in order."""

import dataclasses

import numpy as np
import pytest

from scaf_jax.inference import face_batches


@dataclasses.dataclass
class _Photo:
    crops: np.ndarray


def _photos(counts: list[int]) -> list[_Photo]:
    numbers = iter(range(1, 100))
    return [
        _Photo(np.array([next(numbers) for _ in range(n)], np.uint8).reshape(n, 1, 1, 1))
        for n in counts
    ]


@pytest.mark.parametrize("counts", [[1], [3, 0, 5, 1], [0, 0], [0, 2], [2, 2, 0], []])
@pytest.mark.parametrize("batch_size", [1, 2, 4, 16])
def test_every_photo_gets_the_results_of_its_faces(counts, batch_size):
    batches = []

    def ask(crops: np.ndarray) -> face_batches.Rows:
        batches.append(crops.shape)
        return {"double": 2 * crops[:, 0, 0, 0]}

    photos = _photos(counts)
    found = list(face_batches.asked(photos, ask, batch_size))
    assert [photo for photo, _ in found] == photos
    for photo, rows in found:
        assert [row["double"] for row in rows] == [2 * crop.item() for crop in photo.crops]
    assert batches == [(batch_size, 1, 1, 1)] * -(-sum(counts) // batch_size)


def test_a_photo_comes_as_soon_as_its_faces_were_looked_at():
    taken = []

    def photos():
        for number, photo in enumerate(_photos([1, 1, 1, 1])):
            taken.append(number)
            yield photo

    stream = face_batches.asked(photos(), lambda crops: {"x": crops}, 2)
    next(stream)
    assert taken == [0, 1]


@pytest.mark.parametrize("num_threads", [0, 1, 3])
def test_work_ahead_keeps_the_order_and_goes_only_so_far(num_threads):
    taken = []

    def items():
        for number in range(20):
            taken.append(number)
            yield number

    def work(number: int) -> int:
        if number == 15:
            raise ValueError("fifteen")
        return number**2

    stream = face_batches.ahead(work, items(), num_threads)
    assert [next(stream) for _ in range(5)] == [0, 1, 4, 9, 16]
    assert len(taken) <= 5 + 2 * num_threads
    with pytest.raises(ValueError, match="fifteen"):
        list(stream)


def test_a_stream_that_nobody_reads_on_ends():
    stream = face_batches.ahead(lambda number: number, range(100), 2)
    assert next(stream) == 0
    stream.close()
