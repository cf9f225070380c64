"""Face alignment with few annotated faces: SCAF (ICIAP 2022) in JAX and Flax.

`load` gives a trained network that looks at photos. What is here is loaded when it is first used,
and JAX with the network, so that importing the package costs nothing:

    >>> import scaf_jax
    >>> scaf_jax.schemes.IBUG68.num_landmarks
    68
    >>> sorted(scaf_jax.metrics.summarize([2.0, 12.0], thresholds=[10]))
    ['auc@10', 'faces', 'fr@10', 'nme']
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scaf_jax.data.images import ImageError
    from scaf_jax.formats.pts import read_pts
    from scaf_jax.inference.bundle import Bundle
    from scaf_jax.inference.face_aligner import FaceAligner, load
    from scaf_jax.inference.found_faces import Faces, FileFaces
    from scaf_jax.landmarks import metrics, schemes
    from scaf_jax.landmarks.metrics import nme
    from scaf_jax.landmarks.scheme_files import read_scheme
    from scaf_jax.landmarks.schemes import LandmarkScheme, get_scheme

__all__ = [
    "Bundle",
    "FaceAligner",
    "Faces",
    "FileFaces",
    "ImageError",
    "LandmarkScheme",
    "get_scheme",
    "load",
    "metrics",
    "nme",
    "read_pts",
    "read_scheme",
    "schemes",
]

# The module that each name is in, or is.
_MODULES = {
    "Bundle": "scaf_jax.inference.bundle",
    "FaceAligner": "scaf_jax.inference.face_aligner",
    "Faces": "scaf_jax.inference.found_faces",
    "FileFaces": "scaf_jax.inference.found_faces",
    "ImageError": "scaf_jax.data.images",
    "LandmarkScheme": "scaf_jax.landmarks.schemes",
    "get_scheme": "scaf_jax.landmarks.schemes",
    "load": "scaf_jax.inference.face_aligner",
    "metrics": "scaf_jax.landmarks.metrics",
    "nme": "scaf_jax.landmarks.metrics",
    "read_pts": "scaf_jax.formats.pts",
    "read_scheme": "scaf_jax.landmarks.scheme_files",
    "schemes": "scaf_jax.landmarks.schemes",
}

# Hidden from type checkers, which would take any name for one of the package.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Loads a public name when it is first used (PEP 562).

        Raises:
          AttributeError: There is no such name.
        """
        if name not in _MODULES:
            raise AttributeError(
                f"module '{__name__}' has no attribute '{name}'; it has {', '.join(__all__)}"
            )
        module = importlib.import_module(_MODULES[name])
        value = module if module.__name__.endswith(f".{name}") else getattr(module, name)
        globals()[name] = value  # asked for once
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
