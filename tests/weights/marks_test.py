"""Tests of what a landmark network's file says of its marks, and of what is refused."""

import dataclasses
import json

import pytest

from scaf_jax.data import geometry
from scaf_jax.landmarks import heatmaps, schemes
from scaf_jax.models import aligner
from scaf_jax.weights import marks

CROP = geometry.CropSettings(input_size=64, pixel_convention="corners")
OWN = dataclasses.replace(
    schemes.IBUG68,
    name="mine",
    num_landmarks=3,
    flip_permutation=(1, 0, 2),
    eye_corners=(0, 1),
    left_pupil=(),
    right_pupil=(),
    outline=(),
    strokes=((0, 2, 1),),
    names=("left", "right", "nose"),
)


def _marks(scheme=OWN):
    return marks.Marks(
        aligner.Architecture(64, 32, scheme.num_landmarks, False, "fixed", 0.25, "bfloat16"),
        heatmaps.HeatmapCodec(64, 32, 5.0, 2.0, True, 3, "corners"),
        scheme,
        "subpixel",
        {"stage1": "none: random weights", "labels": "all"},
    )


CONTENT = json.loads(json.dumps(_marks().to_dict()))


@pytest.mark.parametrize("scheme", [OWN, *schemes.SCHEMES], ids=lambda scheme: scheme.name)
def test_what_is_written_is_read(scheme):
    ours = _marks(scheme)
    assert marks.from_dict(json.loads(json.dumps(ours.to_dict())), CROP, 0.25) == ours


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"decoder": "left out"}, "^decoder is missing"),
        ({"pickle": 1}, "^pickle is unknown"),
        ({"skips": 1}, "^skips is 1, which has the wrong type"),
        ({"heatmap_size": True}, "^heatmap_size is True, which has the wrong type"),
        ({"heatmap_size": 128}, "^heatmap_size is 128, not one of"),
        ({"skip_gain": "half"}, "^skip_gain is 'half', not one of"),
        ({"compute_dtype": "int8"}, "^compute_dtype is 'int8', not one of"),
        ({"decoder": "best"}, "^decoder is 'best', not one of"),
        ({"codec": {}}, "^codec.sigma is missing"),
        ({"codec": CONTENT["codec"] | {"sigma": float("nan")}}, "^codec.sigma is nan"),
        ({"codec": CONTENT["codec"] | {"sigma": -1.0}}, "sigma and support must be positive"),
        ({"codec": CONTENT["codec"] | {"blur_size": 2}}, "blur_size must be odd"),
        ({"scheme": {"name": "unheard_of"}}, "^scheme: landmarks, .* missing"),
        ({"provenance": {"a": [1]}}, r"^provenance.a is \[1\], which is no plain value"),
    ],
)
def test_wrong_fields_are_named(changes, message):
    content = {k: v for k, v in (CONTENT | changes).items() if v != "left out"}
    with pytest.raises(ValueError, match=message):
        marks.from_dict(content, CROP, 0.25)
