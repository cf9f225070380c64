"""Procedural faces with exact landmarks: the data set that needs no download.

`render_face(seed, index)` is all that most callers need.
"""

from scaf_jax.data.synthetic.parameters import FaceParameters, mirror_parameters
from scaf_jax.data.synthetic.render import SyntheticFace, render_face, render_parameters
from scaf_jax.data.synthetic.sampling import sample_parameters

__all__ = [
    "FaceParameters",
    "SyntheticFace",
    "mirror_parameters",
    "render_face",
    "render_parameters",
    "sample_parameters",
]
