"""Trees of arrays seen as flat tables of paths: {'params/encoder/stem/kernel': array}."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

PyTree = Any


def named_leaves(tree: PyTree) -> dict[str, Any]:
    """Leaves of any tree by their path, in the order of `jax.tree.leaves`.

    Raises:
      ValueError: If two leaves have the same path (keys 1 and '1', or a key that holds '/').
    """
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    named = {jax.tree_util.keystr(p, simple=True, separator="/"): leaf for p, leaf in leaves}
    if len(named) != len(leaves):
        raise ValueError("two leaves of the tree have the same path: rename a key")
    return named


def nest(named: Mapping[str, Any]) -> dict[str, Any]:
    """Nested dicts of what `named_leaves` gives; keys and positions alike become strings."""
    nested: dict[str, Any] = {}
    for name, leaf in named.items():
        *parents, last = name.split("/")
        node = nested
        for parent in parents:
            node = node.setdefault(parent, {})
        node[last] = leaf
    return nested


def is_under(name: str, subtree: str) -> bool:
    """Whether a path is that of the subtree or of something in it."""
    return name == subtree or name.startswith(subtree + "/")


def select(named: Mapping[str, Any], subtrees: Sequence[str]) -> dict[str, Any]:
    """The leaves that lie in one of the subtrees."""
    return {n: leaf for n, leaf in named.items() if any(is_under(n, t) for t in subtrees)}


def mismatches(wanted: Mapping[str, Any], saved: Mapping[str, Any]) -> list[str]:
    """Says, a line each, which arrays are on one side only or have another shape or type.

    Args:
      wanted: Things with `shape` and `dtype` by path: what the model has.
      saved: The same of the checkpoint.
    """
    problems = []
    for name, leaf in wanted.items():
        if name not in saved:
            problems.append(f"{name}: missing from the checkpoint")
            continue
        theirs = (tuple(saved[name].shape), np.dtype(saved[name].dtype))
        ours = (tuple(leaf.shape), np.dtype(leaf.dtype))
        if theirs != ours:
            problems.append(
                f"{name}: checkpoint {theirs[0]} {theirs[1]}, model {ours[0]} {ours[1]}"
            )
    return problems + [f"{name}: in the checkpoint only" for name in saved if name not in wanted]
