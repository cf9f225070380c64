"""Tests of what a network must say of itself, and that it is the same wherever it is loaded."""

import dataclasses
import functools
import json

import jax
import numpy as np
import pytest
import safetensors
import safetensors.numpy

from scaf_jax.inference import bundle, steps
from scaf_jax.models import aligner
from scaf_jax.weights import builtin, exporting, files, header, importing


def test_parts_that_do_not_fit_are_refused(network):
    good = network()
    corners = dataclasses.replace(good.codec, pixel_convention="corners")
    for change, message in (
        ({"codec": corners}, "pixel_convention is said to be 'corners' and 'centers'"),
        ({"crop": dataclasses.replace(good.crop, input_size=128)}, "input_size .* 64 and 128"),
        ({"architecture": aligner.Architecture(64, 64, 2)}, "heatmap_size .* 64 and 32"),
        ({"architecture": aligner.Architecture(64, 32, 5)}, "num_landmarks .* 5 and 2"),
        ({"decoder": "best"}, "decoder must be one of"),
    ):
        with pytest.raises(ValueError, match=message):
            dataclasses.replace(good, **change)


@pytest.fixture(scope="module")
def file(saved, tmp_path_factory):
    """A weights file of the saved network."""
    path = tmp_path_factory.mktemp("file") / "network.safetensors"
    provenance = exporting.Provenance(training_data="faces", licence="mine")
    bundle.Bundle.load(saved[0]).save(path, provenance=provenance)
    return path


def _same(first: bundle.Bundle, second: bundle.Bundle) -> None:
    for field in ("architecture", "codec", "crop", "scheme", "decoder", "graphdef"):
        assert getattr(first, field) == getattr(second, field), field
    for kind in ("params", "batch_stats"):
        jax.tree.map(np.testing.assert_array_equal, getattr(first, kind), getattr(second, kind))


def test_a_run_and_the_file_written_from_it_predict_the_same(saved, file):
    workdir, trained = saved
    images = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    step = jax.jit(functools.partial(steps.inspect, graphdef=trained.graphdef))

    def inspect(network: bundle.Bundle) -> tuple[jax.Array, jax.Array]:
        weights = jax.tree.map(np.asarray, (network.params, network.batch_stats))
        return step(*weights, images)  # wherever they were: compiled once

    expected = inspect(trained)
    for path in (workdir, workdir / "alignment", workdir / "alignment" / "checkpoints", file):
        loaded = bundle.Bundle.load(path)
        _same(loaded, trained)
        jax.tree.map(np.testing.assert_array_equal, inspect(loaded), expected)
        origin = {"steps": 7, "stage1": "a stage 1", "labels": 50, "flip": False}
        texts = {"training_data": "faces", "licence": "mine"} if path == file else {}
        assert loaded.provenance == origin | texts


def test_a_file_says_what_it_was_told_before(file, tmp_path):
    network = bundle.Bundle.load(file)
    again = network.save(
        tmp_path / "again", provenance=exporting.Provenance(licence="CC0", attribution="me")
    )
    assert (again.training_data, again.licence, again.attribution) == ("faces", "CC0", "me")
    _same(bundle.Bundle.load(tmp_path / "again"), network)
    network.save(tmp_path / "again", overwrite=True)
    assert (tmp_path / "again").read_bytes() == file.read_bytes()
    with pytest.raises(header.WeightsError, match="is there already"):
        network.save(tmp_path / "again")
    with pytest.raises(FileNotFoundError, match="make it first"):
        network.save(tmp_path / "nowhere" / "file")


def test_its_arrays_are_those_of_the_network_that_it_names(file, tmp_path):
    arrays = safetensors.numpy.load(file.read_bytes())
    with safetensors.safe_open(file, framework="numpy") as opened:
        metadata = opened.metadata()
    assert {array.dtype for array in arrays.values()} == {np.dtype(np.float32)}
    gains = next(name for name in arrays if name.startswith("params/transfer/gains/"))
    wrong = {
        f"{gains}: missing": {n: a for n, a in arrays.items() if n != gains},
        "params/transfer/more: unexpected": arrays | {"params/transfer/more": np.zeros(1, "f4")},
        f"{gains}: shape": arrays | {gains: np.zeros(3, "f4")},
        f"{gains}: .* values are not finite": arrays | {gains: arrays[gains] + np.nan},
    }
    path = tmp_path / "wrong"
    for message, content in wrong.items():
        path.write_bytes(safetensors.numpy.save(content, metadata))
        with pytest.raises(header.WeightsError, match=message):
            bundle.Bundle.load(path)
    # A network without learned gains has no such arrays.
    about = json.loads(metadata["scaf_jax"])
    about["landmarks"]["skip_gain"] = "fixed"
    path.write_bytes(safetensors.numpy.save(arrays, {"scaf_jax": json.dumps(about)}))
    with pytest.raises(header.WeightsError, match=f"{gains}: unexpected"):
        bundle.Bundle.load(path)


def test_what_marks_no_landmarks_is_refused(tmp_path):
    with pytest.raises(header.WeightsError, match="a stage 1, which marks no landmarks"):
        bundle.Bundle.load(builtin.path())
    with pytest.raises(FileNotFoundError, match="neither a folder nor a file"):
        bundle.Bundle.load(tmp_path / "nothing")
    (tmp_path / "text").write_text("no weights")
    with pytest.raises(header.WeightsError, match="damaged, cut short or no safetensors"):
        bundle.Bundle.load(tmp_path / "text")


def test_no_folder_of_a_stage_1_is_made_of_it(file, tmp_path):
    assert files.read_header(file).networks == header.LANDMARK_NETWORK
    with pytest.raises(header.WeightsError, match="holds a landmark network"):
        importing.import_weights(file, tmp_path / "folder")
    assert not (tmp_path / "folder").exists()


@pytest.mark.parametrize("name", ["published", "saae.mdl"])
def test_snapshots_of_pytorch_are_to_be_converted(tmp_path, name):
    (tmp_path / "published").mkdir()
    for file in (tmp_path / "published" / "saae.mdl", tmp_path / "saae.mdl"):
        file.write_bytes(b"tensors")
    with pytest.raises(header.WeightsError, match=f"scaf_jax.convert {tmp_path / name} FILE"):
        bundle.Bundle.load(tmp_path / name)
