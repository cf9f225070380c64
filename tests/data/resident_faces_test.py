"""Tests of faces for the device's memory: their crops are the loader's, in the loader's order."""

import dataclasses
import io

import cv2
import numpy as np
import pytest
from PIL import Image

from scaf_jax.data import augmentations, geometry, pipelines, resident_faces, warping
from scaf_jax.landmarks import schemes

CROP = geometry.CropSettings(input_size=48, margin_top=0.2, margin_bottom=0.1)
CHANGE = dataclasses.replace(augmentations.STAGE1, interpolation=warping.BILINEAR)
# None of the faces shrinks to less than half.
WIDTHS = (100, 170, 120, 160, 120, 190)
# Face boxes as fractions of the photo: in its middle, at its edge, partly outside.
BOXES = ((0.3, 0.3, 0.7, 0.7), (0.0, 0.1, 0.4, 0.5), (0.6, 0.7, 1.1, 1.2), (0.45, 0.4, 0.6, 0.6))


class Faces:
    """Smooth photos of several sizes, so that a place that is wrong is seen."""

    def __init__(self, widths):
        self._records = [self._record(i, width) for i, width in enumerate(widths)]

    @staticmethod
    def _record(number, width):
        rng = np.random.default_rng(number)
        size = (width, 3 * width // 4)
        photo = cv2.resize(
            rng.integers(0, 256, (9, 12, 3), np.uint8), size, interpolation=cv2.INTER_CUBIC
        )
        file = io.BytesIO()
        Image.fromarray(photo).save(file, "PNG")
        box = np.array(BOXES[number % len(BOXES)], np.float32) * np.tile(size, 2)
        return {
            "image": file.getvalue(),
            "landmarks": rng.uniform(0, width, (68, 2)).astype(np.float32),
            "landmark_mask": rng.random(68) < 0.9,
            "box_detector": box,
            "box_ground_truth": box.astype(np.float32),
            "key": f"photo {number}",
            "subset": "",
            "index": number,
        }

    def __len__(self):
        return len(self._records)

    def __getitem__(self, index):
        return self._records[index]

    @property
    def keys(self):
        return [record["key"] for record in self._records]


def _load(source, change=CHANGE, most_bytes=2**30):
    cutter = resident_faces.Cutter(CROP, change)
    return resident_faces.load(source, cutter, most_bytes=most_bytes, threads=2)


def _stream(source, change=CHANGE, **options):
    return pipelines.train_batches(
        source,
        crop=CROP,
        augmentation=change,
        scheme=schemes.IBUG68,
        batch_size=4,
        seed=7,
        num_threads=0,
        **options,
    )


def _crops(resident, batch, change):
    """The crops of a batch of places, cut out by OpenCV."""
    images = []
    for face, matrix in zip(batch["face"], batch["region_matrix"], strict=True):
        start, (height, width) = resident.starts[face], resident.sizes[face]
        region = resident.pixels[start : start + height * width, :3].reshape(height, width, 3)
        forth = geometry.invert(matrix.astype(np.float64))
        images.append(
            cv2.warpAffine(
                region,
                forth,
                (CROP.input_size, CROP.input_size),
                flags=warping.INTERPOLATIONS[change.interpolation],
                borderMode=warping.BORDERS[change.border],
            )
        )
    return np.stack(images)


@pytest.mark.parametrize("border", warping.BORDERS)
@pytest.mark.parametrize("interpolation", warping.INTERPOLATIONS)
def test_regions_show_what_the_photos_show(interpolation, border):
    change = dataclasses.replace(CHANGE, interpolation=interpolation, border=border)
    source = Faces(WIDTHS)
    resident = _load(source, change)
    assert (resident.sizes.prod(axis=1) <= np.square(WIDTHS) * 3 / 4).all()
    loader, places = _stream(source, change), _stream(resident, change)
    for _ in range(4):
        expected, batch = next(loader), next(places)
        difference = np.abs(_crops(resident, batch, change).astype(int) - expected.pop("image"))
        assert difference.max() <= 1 and (difference > 0).mean() < 1e-2
        for name, values in expected.items():  # landmarks and order, bit for bit
            np.testing.assert_array_equal(batch[name], values, name)


def test_large_photos_are_made_smaller_once():
    change = dataclasses.replace(CHANGE, interpolation=warping.BICUBIC)
    source = Faces([900, 1400, 700, 1100])
    resident = _load(source, change)
    side = 2 * 1.1 * CROP.input_size * 2  # twice a crop's scale at most, as far as crops reach
    assert resident.sizes.max() < side
    expected, batch = next(_stream(source, change)), next(_stream(resident, change))
    difference = np.abs(_crops(resident, batch, change).astype(int) - expected["image"])
    # Blocks of averaged pixels begin elsewhere, which smooth photos hardly show.
    assert difference.mean() < 1.5 and np.percentile(difference, 99) < 12


def test_a_stream_goes_on_where_it_was_also_with_the_other_feed():
    source = Faces([100, 120, 140])
    stream = _stream(_load(source))
    batches = [next(stream) for _ in range(4)]
    for continued in (_stream(_load(source)), _stream(source)):
        continued.set_state({"batches_drawn": 2})
        for expected in batches[2:]:
            found = next(continued)
            for name in expected.keys() & found.keys():
                np.testing.assert_array_equal(found[name], expected[name], name)


def test_without_augmentation_a_region_is_the_crop_and_its_neighbors():
    resident = _load(Faces([100]), None)
    height, width = resident.sizes[0]
    # 40 x 30 px of the face, extended to the square of its longer side.
    assert 36 <= min(height, width) and max(height, width) <= 60
    batch = next(_stream(resident, None))
    assert batch["region_matrix"].shape == (4, 2, 3) and batch["region_matrix"].dtype == np.float32


def test_what_does_not_fit_is_told_before_it_is_kept():
    source = Faces([100] * 3)
    needed = resident_faces.estimated_bytes(source, resident_faces.Cutter(CROP, CHANGE))
    assert needed == pytest.approx(4 * len(_load(source).pixels), rel=0.1)
    with pytest.raises(resident_faces.TooLargeError, match=r"of the 3 faces need .* GiB"):
        _load(source, most_bytes=needed / 2)


def test_a_damaged_photo_is_named():
    source = Faces([100, 100])
    source[1]["image"] = b"no"
    with pytest.raises(ValueError, match="photo 1: not a readable image"):
        _load(source)
