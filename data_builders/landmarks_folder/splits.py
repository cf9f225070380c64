"""Which faces are for training and which for testing.

What the annotations say comes first, then folders of the photos such as train/ and test/, then the
photos' own names, then a hash of the photo's name: it is the same on every machine, and does not
change when photos are added. A hash decides only where nothing looks like a split.
"""

import hashlib
import pathlib
import re
from collections.abc import Iterable, Mapping, Sequence

from data_builders import face_builder, split_names
from data_builders.landmarks_folder import listed
from scaf_jax.files import folder_files

SEED = 0
ONE_IN = 10
_LIST = re.compile("split|partition", re.IGNORECASE)
_LIST_ENDINGS = (".txt", ".lst", ".list", ".csv", ".tsv", ".json", ".jsonl", ".yaml", ".yml")
_CURE = "call folders train, val, test or test_NAME, or say it in a column 'split'"


def assign(
    root: pathlib.Path, found: Sequence[listed.Listed]
) -> tuple[dict[str, list[listed.Listed]], list[str]]:
    """Sorts faces into splits.

    Args:
      root: The folder of the data set.
      found: Its faces.

    Returns:
      The faces of each split in the order given, and what there is to say about it.

    Raises:
      DownloadError: Something looks like a split, and it is not clear which or of what.
    """
    rest = [face for face in found if face.split is None]
    _check_all_or_none(found, [face for face in rest if face.image is not None])
    by_name, problems = _by_names(root, rest)
    splits: dict[str, list[listed.Listed]] = {split_names.TRAIN: []}
    for face in found:
        split = by_name.get(face.name) if face.split is None else face.split
        # A face whose photo nobody knows is told when it is read, whatever its split.
        if split is None and face.image is None:
            split = split_names.TRAIN
        if split is not None:
            splits.setdefault(split, []).append(face)
    return {name: members for name, members in splits.items() if members}, [
        *_missing(splits),
        *problems,
        *_contradictions(found),
    ]


def _missing(splits: Mapping[str, Sequence[listed.Listed]]) -> list[str]:
    missing = [] if splits[split_names.TRAIN] else ["no faces for 'train'"]
    if not any(splits[name] for name in splits if split_names.is_held_out(name)):
        missing.append("no faces for 'test'")
    return missing


def _contradictions(found: Sequence[listed.Listed]) -> list[str]:
    """Faces for which the annotations say another kind of split than the photo's folders."""
    odd = []
    for face in found:
        if face.split is None or face.image is None:
            continue
        try:
            folder = split_names.split_of_path(face.name.split("/")[:-1])
        except split_names.UnclearSplitError:
            continue
        if folder is not None and folder.partition("_")[0] != face.split.partition("_")[0]:
            odd.append(f"{face.name} in '{face.split}'")
    if not odd:
        return []
    return [
        f"{len(odd)} faces are in another split than the folders of their photos say, since the "
        f"annotations say so: {listed.some(odd)}"
    ]


def _check_all_or_none(found: Sequence[listed.Listed], rest: Sequence[listed.Listed]) -> None:
    said = next((face for face in found if face.split is not None and face.image is not None), None)
    if said is not None and rest:
        raise face_builder.DownloadError(
            f"{said.place} says the split '{said.split}', but {rest[0].place} says none "
            f"({len(rest)} faces); say it for all or for none: {_CURE}"
        )


def _by_names(
    root: pathlib.Path, faces: Sequence[listed.Listed]
) -> tuple[dict[str, str], list[str]]:
    """The splits of photos by what they and their folders are called, or else drawn."""
    names = list(dict.fromkeys(face.name for face in faces if face.image is not None))
    if not names:
        return {}, []
    said = {name: _of_folders(root, name) for name in names}
    if any(said.values()):
        known = {name: split for name, split in said.items() if split is not None}
        outside = [name for name in names if name not in known]
        _check_siblings(root, known, outside)
        left = sum(face.name not in known and face.image is not None for face in faces)
        return known, [] if not outside else [
            f"{left} faces are in neither of the folders {_folders(known)} and are left out: "
            f"{listed.some(outside)}"
        ]
    said = _of_photos(root, names)
    if said:
        return said, [
            "the photos' own names, such as "
            f"{listed.some([name for name in names if said[name] != said[names[0]]][:1])}, say "
            "which are for testing"
        ]
    _refuse_lists(root)
    # What has no landmark cannot be tested on.
    drawn = draw_test({face.name for face in faces if not face.blank and face.image is not None})
    return {name: split_names.TEST if name in drawn else split_names.TRAIN for name in names}, [
        f"{len(drawn)} of {len(names)} photos were drawn for the split 'test', by a hash of their "
        f"names; folders train/ and test/ (or a column 'split') decide it yourself"
    ] if drawn else []


def _of_folders(root: pathlib.Path, name: str) -> str | None:
    try:
        return split_names.split_of_path(name.split("/")[:-1])
    except split_names.UnclearSplitError as error:
        raise face_builder.DownloadError(f"{root / name}: the folder {error}") from error


def _check_siblings(root: pathlib.Path, known: Mapping[str, str], outside: Sequence[str]) -> None:
    """Faces beside split folders are none of theirs: in folders they look like a further split."""
    places = {tuple(name.split("/")[:i]) for name in known for i in _split_depths(name)}
    for name in outside:
        parts = name.split("/")
        beside = next((i for i in range(len(parts) - 1) if tuple(parts[:i]) in places), None)
        if beside is not None:
            raise face_builder.DownloadError(
                f"{root.joinpath(*parts[: beside + 1])}: lies beside {_folders(known)} and says no "
                f"split itself; rename it ({split_names.ADVICE}), or move it away"
            )
    if outside and split_names.TRAIN not in known.values():
        raise face_builder.DownloadError(
            f"{root}: {_folders(known)} says a split, but {len(outside)} photos, such as "
            f"{listed.some(outside[:1])}, say none; {_CURE}"
        )


def _refuse_lists(root: pathlib.Path) -> None:
    """Where a hash would decide, a train.txt or splits.json that nobody reads must stop."""
    for name in sorted(folder_files.files_below(root)):
        path = pathlib.PurePosixPath(name)
        says = _LIST.search(path.stem) or listed.is_split(path.stem)
        if says and path.suffix.lower() in _LIST_ENDINGS:
            raise face_builder.DownloadError(
                f"{root / name}: looks like a list of splits, which is not read; {_CURE}, or move "
                "the file away"
            )


def _split_depths(name: str) -> list[int]:
    folders = name.split("/")[:-1]
    depths = []
    for i, folder in enumerate(folders):
        try:
            if split_names.split_of(folder) is not None:
                depths.append(i)
        except split_names.UnclearSplitError:
            continue
    return depths


def _folders(known: Mapping[str, str]) -> str:
    folders = {"/".join(name.split("/")[: max(_split_depths(name)) + 1]) + "/" for name in known}
    return listed.some(sorted(folders))


def _of_photos(root: pathlib.Path, names: Sequence[str]) -> dict[str, str]:
    """The splits that photos' own names say, such as test_001.jpg; nothing where none differ."""
    said: dict[str, str | None] = {}
    for name in names:
        try:
            split = split_names.split_of(pathlib.PurePosixPath(name).stem)
        except split_names.UnclearSplitError:
            split = None
        # The number of a photo is no name of a test set.
        said[name] = split and split.partition("_")[0]
    kinds = set(said.values())
    if len(kinds) < 2 or kinds <= {None, split_names.TRAIN}:
        return {}
    unclear = [name for name, split in said.items() if split is None]
    if unclear or split_names.TRAIN not in kinds:
        odd = next(name for name, split in said.items() if split not in (None, split_names.TRAIN))
        raise face_builder.DownloadError(
            f"{root / odd}: its name says a split, but those of others, such as "
            f"{listed.some((unclear or names)[:1])}, do not say which are for training; {_CURE}"
        )
    return {name: split for name, split in said.items() if split is not None}


def draw_test(names: Iterable[str]) -> set[str]:
    """Returns about one in ten of the names; at least one, but never all."""
    hashes = {name: _hash(name) for name in names}
    if len(hashes) < 2:
        return set()
    test = {name for name, value in hashes.items() if value % ONE_IN == 0}
    if not test or len(test) == len(hashes):
        test = {min(hashes, key=lambda name: hashes[name])}
    return test


def _hash(name: str) -> int:
    text = f"{SEED}:{name}".encode("utf-8", "surrogateescape")
    return int.from_bytes(hashlib.sha256(text).digest()[:8])
