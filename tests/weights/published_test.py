"""Snapshots become weights files and back: every tensor in its place, or the error lists it."""

import dataclasses

import numpy as np
import pytest

from scaf_jax.landmarks import schemes
from scaf_jax.models import aligner
from scaf_jax.weights import exporting, files, header, networks, published


def _network(**changes) -> published.Snapshot:
    """A landmark network as it would be published, 64 px, a sixteenth as wide."""
    shape = aligner.Architecture(64, 64, 68, skips=False, width_multiplier=1 / 16)
    shape = dataclasses.replace(shape, **changes)
    arrays = {
        name: np.arange(np.prod(leaf.shape), dtype=np.float32).reshape(leaf.shape)
        for name, leaf in networks.shapes_of(shape.build).items()
    }
    about = header.Header(networks=header.AUTOENCODER, **_COMMON)
    snapshot = published.from_weights(files.Weights(about, arrays))
    return dataclasses.replace(snapshot, about=None, num_landmarks=None)


_COMMON = {
    "width_multiplier": 1 / 16,
    "crop": published.geometry.CropSettings(input_size=64),
    "steps": 3,
}


def test_a_stage_1_comes_back_as_it_was(tiny):
    again = published.to_weights(published.from_weights(tiny))
    assert again.about == tiny.about
    assert again.arrays.keys() == tiny.arrays.keys()
    for name, array in tiny.arrays.items():
        np.testing.assert_array_equal(again.arrays[name], array)


def test_a_published_stage_1_says_little_of_itself(tiny):
    snapshot = dataclasses.replace(published.from_weights(tiny), about=None)
    assert snapshot.arch == "AAE" and not snapshot.marks_landmarks
    texts = exporting.Provenance(licence="ask its authors")
    about = published.to_weights(snapshot, provenance=texts).about
    assert about.networks == ("encoder", "generator") and about.steps == 7
    assert about.crop.pixel_convention == "corners"
    assert (about.crop.margin_top, about.crop.margin_bottom) == (0.2, 0.12)
    assert about.licence == "ask its authors"


def test_a_published_landmark_network():
    snapshot = _network()
    assert snapshot.marks_landmarks
    about, arrays = published.to_weights(snapshot, margins="wflw")
    assert about.networks == header.LANDMARK_NETWORK
    assert about.marks.scheme == schemes.IBUG68
    assert about.marks.architecture.heatmap_size == 64
    assert about.marks.codec.rounding and about.marks.codec.pixel_convention == "corners"
    assert about.crop.margin_bottom == 0.1
    kernel = arrays["params/transfer/head/kernel"]
    theirs = snapshot.tensors["LMH.lin.weight"]
    np.testing.assert_array_equal(kernel, theirs.transpose(2, 3, 0, 1))


@pytest.mark.parametrize("gain", aligner.SKIP_GAINS)
def test_skips_are_kept(gain):
    snapshot = _network(skips=True, skip_gain=gain)
    about, arrays = published.to_weights(snapshot)
    assert about.marks.architecture.skips and about.marks.architecture.skip_gain == gain
    assert published.from_weights(files.Weights(about, arrays)).arch == "Scaf"


def test_margins_follow_the_scheme():
    about = published.to_weights(_network(num_landmarks=98)).about
    assert about.marks.scheme == schemes.WFLW98 and about.crop.margin_top == 0.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"Q.fc.bias": None}, r"missing \(1\):\n    Q.fc.bias \(99,\)"),
        ({"Q.fc.more": (3,)}, r"unexpected \(1\):\n    Q.fc.more \(3,\)"),
        ({"Q.fc.bias": (98,)}, r"another shape \(1\):\n    Q.fc.bias \(98,\), not \(99,\)"),
        ({"P.lin.weight": None, "Q.a": (1,), "P.fc.bias": (7,)}, "(?s)missing.*unexp.*another"),
        ({"LMH.t2.weight": None, "LMH.t1.weight": None}, r"heatmap_size|missing"),
        ({"LMH.lin.weight": None}, "scheme"),
        ({"Q.layer1.0.conv1.weight": (4, 4, 3, 3, 1)}, r"\(4, 4, 3, 3, 1\), not \(4, 4, 3, 3\)"),
    ],
)
def test_misfits_are_listed(change, message):
    snapshot = _network()
    tensors = dict(snapshot.tensors)
    for name, shape in change.items():
        tensors.pop(name, None)
        if shape:
            tensors[name] = np.zeros(shape, np.float32)
    with pytest.raises(header.WeightsError, match=message):
        published.to_weights(dataclasses.replace(snapshot, tensors=tensors))


def test_what_is_said_must_be_so():
    snapshot = _network()
    for wrong, message in (
        (dataclasses.replace(snapshot, num_landmarks=98), "98 landmarks, and LMH.lin.weight"),
        (dataclasses.replace(snapshot, input_size=128), "P.layer4.0.conv1.weight"),
        (dataclasses.replace(snapshot, input_size=100), "input_size must be one of"),
        (dataclasses.replace(snapshot, width_multiplier=1.0), "another shape"),
        (_network(num_landmarks=5), "marks 5 landmarks.*--scheme"),
    ):
        with pytest.raises(header.WeightsError, match=message):
            published.to_weights(wrong)
    with pytest.raises(header.WeightsError, match="the scheme 'wflw98' has 98"):
        published.to_weights(snapshot, scheme=schemes.WFLW98)
    tensors = dict(snapshot.tensors)
    tensors["Q.fc.bias"] = np.full(99, np.nan, np.float32)
    with pytest.raises(header.WeightsError, match=r"not finite \(1\):\n    Q.fc.bias"):
        published.to_weights(dataclasses.replace(snapshot, tensors=tensors))


def test_widths_are_read_from_the_first_convolution():
    assert published.width_of({"Q.conv1.weight": np.zeros((32, 3, 7, 7))}) == 0.5
    for tensors in (
        {},
        {"Q.conv1.weight": np.zeros(3)},
        {"Q.conv1.weight": np.zeros((0, 3, 7, 7))},
    ):
        with pytest.raises(header.WeightsError, match=r"no tensor Q.conv1.weight"):
            published.width_of(tensors)
