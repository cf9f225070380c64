"""Tests of what a weights file says of itself, and of what is refused."""

import json

import pytest

from scaf_jax.weights import header

CROP = {"margin_top": 0.2, "margin_bottom": 0.12, "margin_left": 0.0, "margin_right": 0.0}
CROP |= {"box": "detector", "pixel_convention": "corners"}
CONTENT = {
    "format": "scaf_jax weights",
    "format_version": 1,
    "networks": ["encoder", "generator"],
    "input_size": 128,
    "width_multiplier": 0.5,
    "crop": CROP,
    "image_mean": [0.518, 0.418, 0.361],
    "steps": 20000,
    "training_data": "photos",
    "licence": "CC BY 4.0",
    "attribution": "",
    "package_version": "0.1.0",
}


def _read(**changes):
    content = {k: v for k, v in (CONTENT | changes).items() if v != "left out"}
    return header.from_metadata({"scaf_jax": json.dumps(content)}, "FILE")


def test_what_is_written_is_read():
    about = _read()
    assert about.networks == header.AUTOENCODER
    assert (about.input_size, about.width_multiplier, about.steps) == (128, 0.5, 20000)
    assert (about.crop.margin_top, about.crop.box) == (0.2, "detector")
    assert about.crop.pixel_convention == "corners"
    assert (about.training_data, about.licence, about.attribution) == ("photos", "CC BY 4.0", "")
    assert json.loads(about.to_metadata()["scaf_jax"]) == CONTENT
    with_all = _read(networks=[*header.AUTOENCODER, *header.DISCRIMINATORS])
    assert with_all.networks == header.AUTOENCODER + header.DISCRIMINATORS


@pytest.mark.parametrize(
    "metadata",
    [None, {}, {"format": "pt"}]
    + [{"scaf_jax": text} for text in ("", "{", "[]", "null", '{"format": "pt"}', "[" * 100_000)],
    ids=range(9),
)
def test_metadata_of_other_programs_are_refused(metadata):
    with pytest.raises(header.WeightsError, match="FILE was not written by this project"):
        header.from_metadata(metadata, "FILE")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format_version": 4}, "has format 4; .* reads up to 3: install a newer one"),
        ({"format_version": "1"}, "'format_version' is '1'"),
        ({"format_version": 0}, "'format_version' is 0"),
        ({"licence": "left out", "steps": "left out"}, "steps is missing; licence is missing"),
        ({"pickle": "yes"}, "pickle is unknown"),
        ({"steps": True}, "steps is True, which has the wrong type"),
        ({"steps": -1}, "'steps' is -1"),
        ({"width_multiplier": "half"}, "width_multiplier is 'half', which has the wrong type"),
        ({"width_multiplier": 0}, "'width_multiplier' is 0, not above 0"),
        ({"width_multiplier": float("nan")}, "width_multiplier is nan, which has the wrong type"),
        ({"width_multiplier": 1e300}, "'width_multiplier' is 1e.300, not above 0"),
        ({"networks": ["generator"]}, r"'networks' is \['generator'\], not \['encoder', 'gen"),
        ({"networks": [{}]}, "'networks' is"),
        ({"image_mean": [0, 0, 0]}, "'image_mean' is .* this version subtracts"),
        ({"training_data": None}, "training_data is None"),
        ({"crop": {}}, "'crop': box, margin_bottom, .* is missing"),
        ({"crop": CROP | {"margin": 1}}, "'crop': crop: unknown fields margin"),
        ({"crop": CROP | {"margin_top": "0.2"}}, "margin_top is '0.2', which is no number"),
        ({"crop": CROP | {"margin_top": float("inf")}}, "margin_top is inf, which is no number"),
        ({"crop": CROP | {"box": "hat"}}, "box must be ground_truth or detector"),
        ({"input_size": 0}, "input_size must be positive"),
    ],
    ids=lambda value: None if isinstance(value, str) else "-".join(value),
)
def test_wrong_entries_are_named(changes, message):
    with pytest.raises(header.WeightsError, match=f"(?s)^FILE.*{message}"):
        _read(**changes)


LANDMARKS = {
    "heatmap_size": 64,
    "skips": True,
    "skip_gain": "learned",
    "compute_dtype": "float32",
    "codec": {"sigma": 7.0, "support": 2.5, "rounding": False, "blur_size": 9},
    "scheme": {"name": "ibug68"},
    "decoder": "subpixel",
    "provenance": {"labels": 50},
}
NETWORK = {"networks": [*header.LANDMARK_NETWORK], "format_version": 2, "landmarks": LANDMARKS}


def test_what_a_landmark_network_says_is_read():
    about = _read(**NETWORK)
    assert json.loads(about.to_metadata()["scaf_jax"]) == CONTENT | NETWORK
    assert about.marks.architecture.num_landmarks == 68
    assert about.marks.codec.pixel_convention == "corners"
    assert (about.marks.codec.input_size, about.marks.codec.heatmap_size) == (128, 64)


def test_a_landmark_network_and_its_marks_belong_together():
    for changes, message in (
        ({"landmarks": LANDMARKS}, "landmarks is unknown"),
        (NETWORK | {"landmarks": "left out"}, "landmarks is missing"),
        (NETWORK | {"format_version": 1}, "landmarks is unknown"),
        (NETWORK | {"networks": ["encoder", "generator"]}, "landmarks is unknown"),
    ):
        with pytest.raises(header.WeightsError, match=f"^FILE.*{message}"):
            _read(**changes)
    marks = _read(**NETWORK).marks
    with pytest.raises(ValueError, match="only a landmark network has marks"):
        header.Header(header.AUTOENCODER, 0.5, _read().crop, 1, marks=marks)
