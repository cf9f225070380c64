"""Reads and writes the files of published snapshots, with PyTorch and without running any code.

PyTorch is needed when a function is called, not to load this module.
"""

import io
import pathlib
import pickle
import re
from collections.abc import Mapping
from typing import Any

from scaf_jax.files import atomic, strict_json
from scaf_jax.files.escaping import printable
from scaf_jax.models import torch_names
from scaf_jax.models.autoencoder import EMBEDDING_SIZE
from scaf_jax.weights import header, published
from scaf_jax.weights.header import WeightsError

MODEL, META = "saae.mdl", "meta.json"
_ABOUT = header.METADATA_KEY  # what a network of ours says of itself, as in a weights file
_SUFFIXES = (".mdl", ".pt", ".pth")
_MAX_META_BYTES = 1 << 20


def is_snapshot(path: pathlib.Path) -> bool:
    """Whether a path is a snapshot's folder or model file, by its name; not whether it is whole."""
    return (path / MODEL).is_file() if path.is_dir() else path.suffix in _SUFFIXES


def read(path: pathlib.Path) -> published.Snapshot:
    """Reads a snapshot.

    Args:
      path: Its folder, or its model file; a `meta.json` beside that is read if it is there.

    Raises:
      FileNotFoundError: There is no such file.
      header.WeightsError: PyTorch is not installed; the file is damaged, holds anything but
        tensors, numbers and texts, or is no snapshot. Objects of Python are not loaded.
    """
    file = path / MODEL if path.is_dir() else path
    if not file.is_file():
        raise FileNotFoundError(f"there is no snapshot {file}")
    content = _loaded(file)
    if not isinstance(content, Mapping) or not isinstance(content.get("state_dict"), Mapping):
        raise WeightsError(
            f"{file} is no snapshot of 3FabRec: it is not a dict with a 'state_dict'. A file that "
            "holds tensors alone has to be saved anew as one"
        )
    try:
        tensors = _arrays(content["state_dict"])
        return _described(content, _meta(file.parent / META), tensors)
    except WeightsError as error:
        raise WeightsError(f"{file}: {error}") from error


def write(folder: pathlib.Path, snapshot: published.Snapshot, *, overwrite: bool = False) -> None:
    """Writes a snapshot's two files, each whole or not at all.

    Args:
      folder: Where; made if it is not there.
      snapshot: The snapshot. The counters of batches that PyTorch's batch norms have are 0.
      overwrite: Whether files that are there are replaced.

    Raises:
      header.WeightsError: PyTorch is not installed, or there is a file already.
      OSError: The files cannot be written.
    """
    torch = _torch()
    for name in (MODEL, META):
        if (folder / name).exists() and not overwrite:
            raise WeightsError(f"{folder / name} is there already: give --overwrite")
    tensors = {}
    for name, array in snapshot.tensors.items():
        tensors[name] = torch.tensor(array)
        if name.endswith(".running_var"):
            module = name.removesuffix("running_var")
            tensors[module + torch_names.COUNTER] = torch.tensor(0)
    content = {
        "arch": snapshot.arch,
        "z_dim": EMBEDDING_SIZE,
        "input_size": snapshot.input_size,
        "state_dict": tensors,
    }
    if snapshot.about is not None:
        content |= snapshot.about.to_metadata()
    meta = {"epoch": 0, "total_iter": snapshot.steps, "total_time": 0, "best_score": 999}
    meta["input_size"] = snapshot.input_size
    if snapshot.num_landmarks is not None:
        meta["num_landmarks"] = snapshot.num_landmarks
    buffer = io.BytesIO()
    torch.save(content, buffer)
    folder.mkdir(parents=True, exist_ok=True)
    atomic.write_bytes(folder / MODEL, buffer.getvalue())
    atomic.write_json(folder / META, meta)


def _torch() -> Any:
    try:
        import torch  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise WeightsError(
            "published snapshots are files of PyTorch, which is not installed: "
            "pip install 'scaf_jax[torch]'"
        ) from error
    return torch


def _loaded(file: pathlib.Path) -> Any:
    torch = _torch()
    try:
        return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        objects = re.findall(r"GLOBAL ([\w.]+)", str(error))
        if not objects:
            raise _damaged(file, error) from error
        raise WeightsError(
            f"{file} is refused: it holds {printable(objects[0])}, an object of Python that could "
            "run any program while it is loaded. Nothing of it was loaded. A snapshot holds "
            "tensors, numbers and texts: have it saved anew as those, by somebody you trust"
        ) from error
    # A damaged file raises nearly anything.
    except Exception as error:
        raise _damaged(file, error) from error


def _damaged(file: pathlib.Path, error: Exception) -> WeightsError:
    reason = printable(str(error).strip().partition("\n")[0][:200]) or type(error).__name__
    if isinstance(error, pickle.UnpicklingError):
        # PyTorch's own words advise to load everything, and with it any program.
        reason = "it is not one of tensors, numbers and texts; nothing of it was loaded"
    return WeightsError(
        f"{file} is damaged, cut short or no file of PyTorch ({reason}). Fetch it again"
    )


def _arrays(state_dict: Mapping[Any, Any]) -> dict[str, published.Array]:
    """The tensors as arrays of NumPy, none of which takes memory of its own."""
    torch = _torch()
    found = {}
    for name, tensor in state_dict.items():
        shown = printable(str(name))
        if not isinstance(name, str) or not isinstance(tensor, torch.Tensor):
            raise WeightsError(f"the state_dict's entry '{shown}' is no tensor with a name")
        if name.endswith(f".{torch_names.COUNTER}"):
            continue
        if tensor.layout != torch.strided or tensor.dtype not in (torch.float16, torch.float32):
            raise WeightsError(
                f"the tensor '{shown}' is {tensor.dtype} ({tensor.layout}), not float32"
            )
        found[name] = tensor.detach().numpy()
    return found


def _meta(file: pathlib.Path) -> Mapping[str, Any]:
    if not file.is_file():
        return {}
    try:
        content = strict_json.read_json(file, _MAX_META_BYTES)
    except strict_json.JsonError as error:
        raise WeightsError(str(error)) from error
    if not isinstance(content, Mapping):
        raise WeightsError(f"{META} beside it is no object of JSON")
    return content


def _described(
    content: Mapping[Any, Any], meta: Mapping[str, Any], tensors: Mapping[str, published.Array]
) -> published.Snapshot:
    def number(name: str, default: int | None) -> Any:
        said = content.get(name, meta.get(name, default))
        if said is not None and (not isinstance(said, int) or isinstance(said, bool)):
            raise WeightsError(f"'{name}' is {printable(repr(said)[:80])}, which is no number")
        return said

    embedding = number("z_dim", EMBEDDING_SIZE)
    if embedding != EMBEDDING_SIZE:
        raise WeightsError(f"its embeddings have {embedding} numbers, and ours {EMBEDDING_SIZE}")
    input_size = number("input_size", 256)
    if meta.get("input_size", input_size) != input_size:
        raise WeightsError(f"its input_size is {input_size}, and {META} says something else")
    about = None
    if isinstance(content.get(_ABOUT), str):
        about = header.from_metadata({_ABOUT: content[_ABOUT]}, _ABOUT)
    return published.Snapshot(
        tensors=tensors,
        input_size=input_size,
        width_multiplier=published.width_of(tensors),
        steps=max(0, number("total_iter", 0)),
        num_landmarks=number("num_landmarks", None),
        arch=str(content.get("arch", "")),
        about=about,
    )
