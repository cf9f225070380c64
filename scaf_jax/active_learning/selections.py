"""The choice of each round on disk: `round_N/selection.json`, written once and then read."""

import dataclasses
from typing import Any

from scaf_jax.files import atomic, strict_json
from scaf_jax.files.places import Place
from scaf_jax.inference.run_folder import ROUNDS_FOLDER
from scaf_jax.runs import identity

FILE = "selection.json"
VERSION = 1


@dataclasses.dataclass(frozen=True)
class Selection:
    """Who was chosen in a round.

    Attributes:
      round: Number of the round, from 0.
      strategy: Name of the strategy; round 0 is always `random`.
      seed: Seed of the round's random choices.
      config_hash: What the choice depends on besides: settings and earlier choices.
      pool_size: Number of faces that there were to choose from.
      keys: The chosen faces, the first choice first.
      scores: Their scores, higher is less sure; None where the strategy has none.
    """

    round: int
    strategy: str
    seed: int
    config_hash: str
    pool_size: int
    keys: tuple[str, ...]
    scores: tuple[float | None, ...]


def round_folder(workdir: Place, number: int) -> Place:
    """Returns the folder of a round."""
    return workdir / ROUNDS_FOLDER / f"round_{number}"


def write(folder: Place, selection: Selection) -> None:
    """Writes a round's choice, whole or not at all."""
    content = dataclasses.asdict(selection)
    del content["keys"], content["scores"]
    chosen = zip(selection.keys, selection.scores, strict=True)
    content["version"] = VERSION
    content["selected"] = [{"key": key, "score": score} for key, score in chosen]
    atomic.write_json(folder / FILE, content)


def read(folder: Place, config_hash: str | None = None) -> Selection | None:
    """Reads a round's choice; None if it was not made yet.

    Args:
      folder: Of the round.
      config_hash: What the choice must depend on; None accepts any.

    Raises:
      identity.RunMismatchError: The choice was made with other settings.
      ValueError: The file is damaged.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        selection = _parse(strict_json.read_json(path))
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path}: damaged ({error}); delete the round's folder to choose again"
        ) from error
    if config_hash is not None and selection.config_hash != config_hash:
        raise identity.RunMismatchError(
            f"{path}: these faces were chosen with other settings (data, stage 1, networks, "
            "active_learning or earlier rounds). Choose another --workdir, or delete that round's "
            "folder and the later ones."
        )
    return selection


def _parse(content: dict[str, Any]) -> Selection:
    if content["version"] != VERSION:
        raise ValueError(f"version {content['version']} is not {VERSION}")
    chosen = content["selected"]
    return Selection(
        round=int(content["round"]),
        strategy=str(content["strategy"]),
        seed=int(content["seed"]),
        config_hash=str(content["config_hash"]),
        pool_size=int(content["pool_size"]),
        keys=tuple(str(item["key"]) for item in chosen),
        scores=tuple(None if item["score"] is None else float(item["score"]) for item in chosen),
    )
