"""What exported programs say of themselves is read strictly."""

import dataclasses
import json
import zipfile

import pytest

from scaf_jax.data import geometry
from scaf_jax.landmarks import heatmaps, schemes
from scaf_jax.models import aligner
from scaf_jax.weights import exported, header, marks


@pytest.fixture
def description():
    shape = aligner.Architecture(64, 32, 68, width_multiplier=1 / 16)
    codec = heatmaps.HeatmapCodec(64, 32)
    about = header.Header(
        networks=header.LANDMARK_NETWORK,
        width_multiplier=1 / 16,
        crop=geometry.CropSettings(input_size=64),
        steps=3,
        licence="CC0",
        marks=marks.Marks(shape, codec, schemes.IBUG68, "subpixel", {"labels": 50}),
    )
    return exported.Description(about, flip=True)


def test_the_text_comes_back_as_it_was(description):
    for changes in ({}, {"decode": False, "flip": False}):
        said = dataclasses.replace(description, **changes)
        assert exported.from_json(said.to_json(), "here") == said


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "other"}, "was not exported by this project"),
        ({"format_version": 2}, "needs a newer scaf_jax"),
        ({"flip": 1}, "flip is 1, which has the wrong type"),
        ({"outputs": ["heatmaps"]}, "outputs are"),
        ({"input": "photos"}, "outputs are"),
        ({"dtype": "float8"}, "dtype must be one of"),
        ({"decode": False, "outputs": ["heatmaps"]}, "flip needs decode"),
        ({"more": 1}, "more is unknown"),
        ({"network": {}}, "not written by this project"),
    ],
)
def test_wrong_texts_are_refused(change, message, description):
    content = json.loads(description.to_json()) | change
    with pytest.raises(header.WeightsError, match=f"here.*{message}"):
        exported.from_json(json.dumps(content), "here")


@pytest.mark.parametrize("text", ["", "[", "[1]", "[" * 100_000])
def test_other_texts_are_refused(text):
    with pytest.raises(header.WeightsError, match="was not exported by this project"):
        exported.from_json(text, "here")


def test_only_landmark_networks(description):
    stage1 = dataclasses.replace(description.about, marks=None, networks=header.AUTOENCODER)
    with pytest.raises(ValueError, match="not a stage 1"):
        exported.Description(stage1)


def test_archives(description, tmp_path):
    path = tmp_path / "a"
    assert not exported.is_archive(path)
    exported.write_archive(path, description, b"program")
    assert exported.is_archive(path)
    assert exported.read_archive(path) == (description, b"program")
    content = path.read_bytes()
    with pytest.raises(header.WeightsError, match="is there already"):
        exported.write_archive(path, description, b"program")
    exported.write_archive(path, description, b"program", overwrite=True)
    assert path.read_bytes() == content


def test_compressed_archives_are_refused(description, tmp_path):
    path = tmp_path / "bomb"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(exported.METADATA, description.to_json())
        archive.writestr(exported.PROGRAM, bytes(1 << 20))
    with pytest.raises(header.WeightsError, match="is compressed or larger"):
        exported.read_archive(path)
