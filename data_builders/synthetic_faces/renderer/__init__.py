"""Procedural faces with exact landmarks: the data set that needs no download.

`render_face(seed, index)` is all that most callers need.
"""

from data_builders.synthetic_faces.renderer.parameters import FaceParameters, mirror_parameters
from data_builders.synthetic_faces.renderer.render import (
    SyntheticFace,
    render_face,
    render_parameters,
)
from data_builders.synthetic_faces.renderer.sampling import sample_parameters

__all__ = [
    "FaceParameters",
    "SyntheticFace",
    "mirror_parameters",
    "render_face",
    "render_parameters",
    "sample_parameters",
]
