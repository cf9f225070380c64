"""Tests of the cropped forms of data sets, on a builder of two faces."""

import functools
import io

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from data_builders import face_builder, faces, precropped, prepare
from scaf_jax.data import geometry, images, prepared_sources


@pytest.mark.parametrize("name", ["cropped_256", "my_photos_cropped_64"])
def test_sizes_are_read_from_names(name):
    assert precropped.size_of(name) == int(name.rpartition("_")[2])
    for other in ("cropped", "cropped_", "cropped_0", "uncropped_64x", "standard", "cropped_-1"):
        assert precropped.size_of(other) is None


class _Builder(face_builder.FaceBuilder):
    """Two faces, the second with a box far larger than the photo."""

    name = "two_faces"
    VERSION = tfds.core.Version("1.0.0")
    MANUAL_DOWNLOAD_INSTRUCTIONS = "A folder."
    NUM_LANDMARKS = 2
    MARGINS = ("300w",)

    def find(self, root):
        listed = [
            faces.Face(root / "photo.png", name, "", name, functools.partial(_annotate, box))
            for name, box in (("good", (100, 80, 200, 180)), ("bad", (-600, -450, 1250, 950)))
        ]
        return faces.Found("a folder", {"train": listed})


def _annotate(box):
    points = np.array([[120, 100], [180, 160]], np.float32)
    return faces.Annotation(points, None, np.array(box, np.float32))


def _prepared(tmp_path, config):
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (640, 480), (90, 80, 70)).save(tmp_path / "photos" / "photo.png")
    builder = _Builder(
        data_dir=str(tmp_path / "data"),
        file_format="array_record",
        config=tfds.core.BuilderConfig(name=config),
        on_error="skip",
    )
    download = tfds.download.DownloadConfig(manual_dir=str(tmp_path / "photos"))
    builder.download_and_prepare(download_config=download)
    return builder


def test_a_builder_has_cropped_forms(tmp_path):
    builder = _prepared(tmp_path, "cropped_20")
    (skipped,) = builder.skipped
    assert skipped[:2] == ("train", "bad") and "far larger than the photo" in skipped[2]
    source = prepared_sources.open_source(
        "two_faces/cropped_20", data_dir=str(tmp_path / "data"), split="train"
    )
    record = source[0]
    assert source.keys == ["good"]
    with Image.open(io.BytesIO(record["image"])) as image:
        assert image.format == "JPEG" and max(image.size) < 50
    square = geometry.face_square(record["box_ground_truth"], geometry.crop_settings("300w"))
    np.testing.assert_allclose(square[2] - square[0], 20, rtol=1e-5)
    points = geometry.to_photo(record["landmarks"], record["stored_matrix"])
    np.testing.assert_allclose(points, [[120, 100], [180, 160]], atol=0.01)


def test_other_forms_hold_the_photos(tmp_path):
    builder = _prepared(tmp_path, "whole")
    source = prepared_sources.open_source(
        "two_faces/whole", data_dir=str(tmp_path / "data"), split="train"
    )
    assert len(source) == 2 and not builder.skipped
    assert "stored_matrix" not in source[0]
    assert images.image_size(source[0]["image"], "") == (640, 480)


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ("cropped_9999", "cropped_9999: choose a side from 16 to 4096 pixels"),
        ("large_cropped_64", "no form 'large_cropped_64'; known: cropped_N, such as cropped_256"),
    ],
)
def test_forms_that_are_none_are_explained(form, message, tmp_path, capsys):
    arguments = [f"--manual_dir={tmp_path}", f"--data_dir={tmp_path}", f"--builder_config={form}"]
    assert prepare.main(["the300w", *arguments]) == 1
    assert message in capsys.readouterr().err
