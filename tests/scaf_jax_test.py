"""Tests of the public face: light, complete, and the same names for people and type checkers."""

import ast
import importlib
import subprocess
import sys

import pytest

import scaf_jax
from scaf_jax.inference import face_aligner
from scaf_jax.landmarks import schemes

_HEAVY = ("jax", "jaxlib", "flax", "optax", "orbax", "cv2", "PIL", "grain")


def test_importing_it_loads_neither_jax_nor_flax(repository):
    code = f"""
import sys, scaf_jax
heavy = {_HEAVY!r} + ("numpy",)
assert not [name for name in heavy if name in sys.modules], "on import"
dir(scaf_jax)
assert not [name for name in heavy if name in sys.modules], "on dir()"
scaf_jax.schemes, scaf_jax.nme, scaf_jax.get_scheme, scaf_jax.read_scheme, scaf_jax.read_pts
print([name for name in heavy if name in sys.modules])
"""
    arguments = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(arguments, cwd=repository, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "['numpy']"


def test_every_public_name_is_there():
    assert scaf_jax.__all__ == sorted(scaf_jax.__all__)
    for name in scaf_jax.__all__:
        assert getattr(scaf_jax, name) is getattr(scaf_jax, name), name
        assert name in dir(scaf_jax)
    assert scaf_jax.load is face_aligner.load
    assert scaf_jax.schemes is schemes
    assert scaf_jax.FaceAligner is face_aligner.FaceAligner


def test_people_get_what_type_checkers_see(repository):
    source = (repository / "scaf_jax" / "__init__.py").read_text(encoding="utf-8")
    seen = {
        alias.asname or alias.name: (node.module, alias.name)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom) and node.module.startswith("scaf_jax.")
        for alias in node.names
    }
    assert seen.keys() == set(scaf_jax.__all__)
    for name, (module, attribute) in seen.items():
        try:
            expected = importlib.import_module(f"{module}.{attribute}")
        except ModuleNotFoundError:
            expected = getattr(importlib.import_module(module), attribute)
        assert getattr(scaf_jax, name) is expected, name


def test_other_names_are_told_with_those_that_there_are():
    with pytest.raises(AttributeError, match="no attribute 'nne'; it has .*load, metrics, nme"):
        getattr(scaf_jax, "nne")  # noqa: B009 (an attribute that type checkers refuse)
    from scaf_jax import default_config  # folders and modules are found as ever

    assert default_config.get_config().input_size == 256
