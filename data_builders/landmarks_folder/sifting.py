"""Which of the listed faces are labeled, and which are listed again."""

from collections.abc import Mapping, Sequence

from data_builders import split_names
from data_builders.landmarks_folder import listed


def sift(found: Sequence[listed.Listed]) -> tuple[list[listed.Listed], list[str]]:
    """Leaves out what is no face of its own.

    A face that is listed again with the same landmarks is used once. One without a known landmark
    is a photo for stage 1 if the file has its box; else nobody knows where it is.

    Args:
      found: All that the files list.

    Returns:
      The rest, and what there is to say about it.
    """
    kept: list[listed.Listed] = []
    again: list[str] = []
    nowhere: list[str] = []
    seen: set[tuple[str, str, str | None]] = set()
    for face in found:
        identity = (face.name, face.points, face.split)
        if face.points and not face.blank and identity in seen:
            again.append(face.name)
        elif face.blank and not face.boxed:
            nowhere.append(face.name)
        else:
            kept.append(face)
        seen.add(identity)
    problems = []
    if again:
        problems.append(
            f"{len(again)} faces are listed again with the same landmarks and are used once: "
            f"{listed.some(again)}"
        )
    if nowhere:
        problems.append(
            f"{len(nowhere)} faces have neither a known landmark nor a box and are left out: "
            f"{listed.some(nowhere)}"
        )
    return kept, problems


def split_problems(splits: Mapping[str, Sequence[listed.Listed]]) -> list[str]:
    """Returns what there is to say about the labels of each split, and of photos in several."""
    problems = []
    for split, members in splits.items():
        blank = [face.name for face in members if face.blank]
        if not blank:
            continue
        problems.append(
            f"{split}: {len(blank)} of {len(members)} faces have a box but no known landmark; they "
            f"do not count as labeled: {listed.some(blank)}"
        )
        if len(blank) == len(members):
            what = "measured on" if split_names.is_held_out(split) else "learned from"
            problems.append(f"{split}: no landmark is known, so that nothing can be {what} it")
    trained_on = {face.name for face in splits.get(split_names.TRAIN, ()) if face.image is not None}
    for split, members in splits.items():
        if split_names.is_held_out(split):
            shared = sorted({face.name for face in members} & trained_on)
            if shared:
                problems.append(
                    f"{len(shared)} photos are both in 'train' and in '{split}': "
                    f"{listed.some(shared)}"
                )
    return problems
