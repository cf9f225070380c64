"""Tests of the streams of batches: same whatever prepares them, landmarks on their faces."""

import dataclasses
import io
import itertools
import json
import os

import numpy as np
import pytest
from PIL import Image

from scaf_jax.data import augmentations, geometry, images, pipelines
from scaf_jax.landmarks import schemes

SIZE = 48
CROP = geometry.CropSettings(input_size=SIZE, margin_top=0.1, margin_bottom=0.1)
SCHEME = dataclasses.replace(
    schemes.IBUG68,
    name="four",
    num_landmarks=4,
    flip_permutation=(1, 0, 2, 3),
    eye_corners=(0, 1),
    left_pupil=(0,),
    right_pupil=(1,),
    outline=(),
    strokes=(),
)
# The four landmarks' places in the photo and the brightness of the dots drawn there.
POINTS = np.array([[50, 50], [70, 50], [60, 62], [52, 72]], np.float32)
BRIGHTNESS = np.array([255, 190, 130, 80])


class DotFaces:
    """Faces that are four dots, each of its own brightness, at the landmarks."""

    def __init__(self, count=10, photo_scale=1):
        self._count = count
        scale = photo_scale
        rows, columns = np.mgrid[: 120 * scale, : 120 * scale]
        photo = np.zeros((120 * scale, 120 * scale))
        self._points = (POINTS + 0.5) * scale - 0.5
        for (x, y), value in zip(self._points.tolist(), BRIGHTNESS, strict=True):
            square = (columns - x) ** 2 + (rows - y) ** 2
            photo += value * np.exp(-square / (2 * (2.5 * scale) ** 2))
        file = io.BytesIO()
        rgb = np.repeat(photo.round().astype(np.uint8)[..., None], 3, -1)
        Image.fromarray(rgb).save(file, "JPEG", quality=95)
        self._image = file.getvalue()
        self._box = np.array([40, 40, 80, 80], np.float32) * scale

    def __len__(self):
        return self._count

    def __getitem__(self, index):
        mask = np.ones(4, bool)
        mask[3] = index % 2 == 0
        points = np.where(mask[:, None], self._points, np.nan).astype(np.float32)
        return {
            "image": self._image,
            "landmarks": points,
            "landmark_mask": mask,
            "box_detector": self._box + np.float32(3),
            "box_ground_truth": self._box,
            "key": f"face {index}",
            "subset": "",
            "index": index + 100,
        }

    @property
    def keys(self):
        return [f"face {i}" for i in range(self._count)]


def _stream(source=None, **changes):
    options = {
        "crop": CROP,
        "augmentation": augmentations.STAGE2,
        "scheme": SCHEME,
        "batch_size": 4,
        "seed": 3,
        "num_threads": 1,
        **changes,
    }
    return pipelines.train_batches(DotFaces() if source is None else source, **options)


class _Failing:
    """Stands for the stream of worker processes."""

    def __next__(self):
        raise RuntimeError("a worker died")

    def close(self):
        pass


def _take(stream, count):
    taken = list(itertools.islice(stream, count))
    stream.close()
    return taken


def _assert_equal(batches, others):
    assert len(batches) == len(others)
    for batch, other in zip(batches, others, strict=True):
        assert batch.keys() == other.keys()
        for name in batch:
            np.testing.assert_array_equal(batch[name], other[name], name)


def _brightness_at(image, points):
    x, y = np.round(points).astype(int).T
    return image[y, x, 0].astype(float)


def test_a_batch_holds_what_is_promised():
    (batch,) = _take(_stream(), 1)
    kinds = {name: (value.shape, value.dtype) for name, value in batch.items()}
    assert kinds == {
        "image": ((4, SIZE, SIZE, 3), np.uint8),
        "landmarks": ((4, 4, 2), np.float32),
        "landmark_mask": ((4, 4), bool),
        "index": ((4,), np.int32),
    }


@pytest.mark.parametrize("photo_scale", [1, 6], ids=["small photo", "photo decoded smaller"])
def test_landmarks_lie_on_their_dots_also_when_mirrored(photo_scale):
    mild = dataclasses.replace(augmentations.STAGE1, rotation_degrees=30)
    seen_mirrored = set()
    stream = _stream(DotFaces(photo_scale=photo_scale), augmentation=mild)
    for batch in _take(stream, 8):
        for image, points, mask in zip(
            batch["image"], batch["landmarks"], batch["landmark_mask"], strict=True
        ):
            found = _brightness_at(image, points)
            # Where 0 lies is now the dot that was drawn for 0 or, mirrored, for 1.
            mirrored = abs(found[0] - BRIGHTNESS[1]) < abs(found[0] - BRIGHTNESS[0])
            seen_mirrored.add(bool(mirrored))
            expected = BRIGHTNESS[list(SCHEME.flip_permutation)] if mirrored else BRIGHTNESS
            np.testing.assert_allclose(found[mask], expected[mask], atol=22)
            assert np.isfinite(points).all() and not points[~mask].any()
            # A face's left eye stays on the left: numbers follow places, not the person.
            assert points[0, 0] < points[1, 0]
    assert seen_mirrored == {False, True}


def test_the_mask_is_mirrored_along():
    class HalfMarked(DotFaces):
        def __getitem__(self, index):
            record = super().__getitem__(index)
            return {**record, "landmark_mask": np.array([True, False, True, True])}

    always = dataclasses.replace(augmentations.STAGE1, flip_probability=1)
    (batch,) = _take(_stream(HalfMarked(), augmentation=always), 1)
    assert (batch["landmark_mask"] == [False, True, True, True]).all()


def test_an_epoch_has_every_face_once_and_the_next_another_order():
    indices = np.concatenate([b["index"] for b in _take(_stream(batch_size=5), 4)])
    first, second = indices[:10], indices[10:]
    assert sorted(first) == sorted(second) == list(range(10))
    assert list(first) != list(second)


def test_a_batch_may_exceed_the_number_of_faces():
    (batch,) = _take(_stream(DotFaces(3), batch_size=8), 1)
    assert set(np.bincount(batch["index"])) == {2, 3}
    same_face = batch["image"][batch["index"] == batch["index"][0]]
    assert (same_face[0] != same_face[1]).any()


def test_the_seed_decides_everything():
    batches = _take(_stream(), 3)
    _assert_equal(batches, _take(_stream(num_threads=3), 3))
    other = _take(_stream(seed=4), 3)
    assert any((a["image"] != b["image"]).any() for a, b in zip(batches, other, strict=True))


@pytest.mark.slow
def test_worker_processes_change_nothing():
    batches = _take(_stream(), 5)
    stream = _stream(num_workers=2)
    first = next(stream)
    _assert_equal(batches[:1], [first])
    stream.set_state({"batches_drawn": 2})  # while the workers are still starting
    _assert_equal(batches[2:], _take(stream, 3))


def test_workers_let_others_go_first(monkeypatch):
    asked = []
    monkeypatch.setattr(os, "nice", asked.append)
    pipelines._be_polite(0, 2)
    assert asked == [10]


def test_the_first_batch_waits_for_no_worker():
    stream = _stream(num_workers=2)
    stream._iterator = _Failing()
    _assert_equal(_take(_stream(), 1), [next(stream)])
    with pytest.raises(RuntimeError, match="a worker died"):
        next(stream)
    assert stream.get_state() == {"batches_drawn": 1}
    stream.close()


def test_processes_share_each_batch():
    whole = _take(_stream(), 4)
    parts = [_take(_stream(process_index=i, process_count=2), 4) for i in range(2)]
    for batch, first, second in zip(whole, *parts, strict=True):
        for name in batch:
            np.testing.assert_array_equal(batch[name], [*first[name], *second[name]], name)


def test_each_face_is_read_by_one_process_an_epoch():
    read = {0: [], 1: []}

    class Counting(DotFaces):
        def __getitem__(self, index):
            read[process].append(index)
            return super().__getitem__(index)

    for process in read:
        part = {"batch_size": 10, "process_index": process, "process_count": 2}
        _take(_stream(Counting(), num_threads=0, **part), 2)
    for epoch in range(2):
        assert sorted(i for faces in read.values() for i in faces[5 * epoch : 5 * epoch + 5]) == [
            *range(10)
        ]


def test_a_saved_stream_continues():
    stream = _stream()
    for _ in range(3):
        next(stream)
    state = json.loads(json.dumps(stream.get_state()))
    rest = _take(stream, 3)
    continued = _stream(num_threads=2)
    next(continued)
    continued.set_state(state)
    assert continued.get_state() == state
    _assert_equal(rest, _take(continued, 3))
    with pytest.raises(ValueError, match="not a state"):
        _stream().set_state({"step": 3})


def test_faces_without_labels():
    (batch,) = _take(_stream(scheme=None), 1)
    assert batch["landmarks"].shape == (4, 0, 2) and batch["landmark_mask"].shape == (4, 0)


def test_occlusion_is_part_of_the_augmentation():
    hiding = dataclasses.replace(augmentations.STAGE1, occlusion_probability=1)
    (plain,) = _take(_stream(augmentation=augmentations.STAGE1), 1)
    (hidden,) = _take(_stream(augmentation=hiding), 1)
    np.testing.assert_array_equal(plain["landmarks"], hidden["landmarks"])
    assert (plain["image"] != hidden["image"]).any(axis=(1, 2, 3)).all()


def test_evaluation_passes_over_every_face_in_order():
    batches = pipelines.evaluation_batches(DotFaces(), crop=CROP, scheme=SCHEME, batch_size=4)
    assert len(batches) == 3
    taken = []
    for _ in range(2):  # may be iterated again
        taken = list(batches)
        valid = np.concatenate([batch["valid"] for batch in taken])
        indices = np.concatenate([batch["index"] for batch in taken])
        np.testing.assert_array_equal(valid, [True] * 10 + [False] * 2)
        np.testing.assert_array_equal(indices[valid], np.arange(10))
        assert not taken[2]["image"][2:].any()
    for batch in taken:
        for name in batch:
            assert len(batch[name]) == 4 and np.isfinite(batch[name]).all(), name


@pytest.mark.parametrize("convention,last", [("centers", SIZE - 1), ("corners", SIZE)])
def test_a_mirrored_crop_is_the_mirror_image_with_its_landmarks(convention, last):
    crop = dataclasses.replace(CROP, pixel_convention=convention)
    always = augmentations.AugmentationSettings(1.0, 0, 0, (1, 1), 0, 0, "bicubic", "black")
    changes = (always, dataclasses.replace(always, flip_probability=0.0))
    (mirrored,), (plain,) = (
        _take(_stream(DotFaces(1), crop=crop, augmentation=change, batch_size=1), 1)
        for change in changes
    )
    difference = mirrored["image"][:, :, ::-1].astype(int) - plain["image"]
    assert np.abs(difference).max() <= 1  # but for rounding
    expected = plain["landmarks"][:, [1, 0, 2, 3]]
    expected[..., 0] = last - expected[..., 0]
    np.testing.assert_allclose(mirrored["landmarks"], expected, atol=1e-4)


@pytest.mark.parametrize("convention", ["centers", "corners"])
def test_predictions_can_be_taken_back_to_the_photo(convention):
    crop = dataclasses.replace(CROP, pixel_convention=convention)
    batch = next(iter(pipelines.evaluation_batches(
        DotFaces(), crop=crop, scheme=SCHEME, batch_size=2
    )))  # fmt: skip
    back = geometry.to_photo(batch["landmarks"], batch["matrix"], convention)
    mask = batch["landmark_mask"]
    np.testing.assert_allclose(back[mask], batch["photo_landmarks"][mask], atol=1e-4)
    np.testing.assert_allclose(batch["photo_landmarks"][0], POINTS)
    assert not mask[1, 3] and not batch["photo_landmarks"][1, 3].any()


def test_the_box_is_chosen_by_the_crop():
    for kind, center in (("ground_truth", [59.5, 59.5]), ("detector", [62.5, 62.5])):
        crop = dataclasses.replace(CROP, box=kind)
        batches = pipelines.evaluation_batches(DotFaces(2), crop=crop, scheme=None, batch_size=2)
        batch = next(iter(batches))
        middle = geometry.to_photo(np.full((2, 1, 2), (SIZE - 1) / 2), batch["matrix"])
        np.testing.assert_allclose(middle, [[center]] * 2, atol=1e-4)
        # What normalizers divide by does not depend on it.
        np.testing.assert_array_equal(batch["box_ground_truth"], [[40, 40, 80, 80]] * 2)


def test_every_process_evaluates_equally_many_batches():
    whole = list(pipelines.evaluation_batches(DotFaces(5), crop=CROP, scheme=SCHEME, batch_size=4))
    parts = [
        list(
            pipelines.evaluation_batches(
                DotFaces(5),
                crop=CROP,
                scheme=SCHEME,
                batch_size=4,
                process_index=i,
                process_count=2,
            )
        )
        for i in range(2)
    ]
    assert len(parts[0]) == len(parts[1]) == 2
    joined = [
        {name: np.concatenate([a[name], b[name]]) for name in a}
        for a, b in zip(*parts, strict=True)
    ]
    _assert_equal(whole, joined)


def test_errors_name_the_face():
    class Damaged(DotFaces):
        def __init__(self, changes):
            super().__init__()
            self.changes = changes

        def __getitem__(self, index):
            return {**super().__getitem__(index), **self.changes}

    def batches(**changes):
        return pipelines.evaluation_batches(
            Damaged(changes), crop=CROP, scheme=SCHEME, batch_size=2
        )

    with pytest.raises(images.ImageError, match="face 0: not a readable image"):
        next(iter(batches(image=b"no")))
    with pytest.raises(ValueError, match="face 0: face box"):
        next(iter(batches(box_ground_truth=np.zeros(4))))
    with pytest.raises(ValueError, match="face 0: 5 landmarks, but the scheme has 4"):
        next(iter(batches(landmarks=np.zeros((5, 2)))))


@pytest.mark.parametrize(
    "changes",
    [{"batch_size": 3, "process_count": 2}, {"process_index": 1}, {"num_threads": -1}],
)
def test_what_cannot_be_divided_is_refused(changes):
    with pytest.raises(ValueError, match=next(iter(changes))):
        _stream(**changes)


def test_no_faces_is_an_error():
    with pytest.raises(ValueError, match="no faces"):
        _stream(DotFaces(0))


def test_bilinear_interpolation_changes_pixels_a_little_and_nothing_else():
    change = dataclasses.replace(augmentations.STAGE2, interpolation="bilinear")
    ((bicubic,), (bilinear,)) = (_take(_stream(**c), 1) for c in ({}, {"augmentation": change}))
    difference = np.abs(bicubic.pop("image").astype(int) - bilinear.pop("image"))
    assert 0 < difference.mean() < 5
    _assert_equal([bicubic], [bilinear])
