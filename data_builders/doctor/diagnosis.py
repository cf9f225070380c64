"""What was found out about a folder of downloads, by the doctor or by who prepares it."""

import collections
import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from data_builders import faces
from data_builders.doctor import comparisons, recognition, units
from data_builders.doctor.examination import Observation
from data_builders.doctor.problems import BAD, LOOK, Problem
from scaf_jax.files import folder_files
from scaf_jax.files.escaping import printable

USABLE, NOT_USABLE, USABLE_WITH_SKIP = 0, 1, 2
VERDICTS = {
    USABLE: "usable",
    NOT_USABLE: "not usable",
    USABLE_WITH_SKIP: "usable with --on_error=skip, which leaves the bad faces out",
}
VERDICT_NAMES = {
    USABLE: "usable",
    NOT_USABLE: "not_usable",
    USABLE_WITH_SKIP: "usable_with_skip",
}
# A split of which more is bad was not unpacked whole, or is read wrongly.
MAX_BAD = 0.5


@dataclasses.dataclass(frozen=True)
class Diagnosis:
    """Everything that was found out about a folder of downloads.

    Attributes:
      root: The folder.
      data_set: Which set it holds.
      others: Further sets that it looks like.
      found: What the set's own search found.
      observations: What was seen of each face.
      problems: What is wrong with faces or with the set.
    """

    root: pathlib.Path
    data_set: recognition.DataSet
    others: Sequence[str]
    found: faces.Found
    observations: Sequence[Observation]
    problems: Sequence[Problem]

    def split_counts(self) -> Mapping[str, tuple[int, int]]:
        """Returns how many faces of each split were looked at, and how many of these are bad."""
        looked = collections.Counter(s for seen in self.observations for s in seen.listed.splits)
        bad = collections.Counter(
            s for seen in self.observations if not seen.usable for s in seen.listed.splits
        )
        return {split: (looked[split], bad[split]) for split in self.found.splits if looked[split]}

    @property
    def verdict(self) -> int:
        """`USABLE`, `NOT_USABLE` or `USABLE_WITH_SKIP`."""
        if not any(seen.usable for seen in self.observations):
            return NOT_USABLE
        if any(bad > MAX_BAD * looked for looked, bad in self.split_counts().values()):
            return NOT_USABLE
        return USABLE if all(seen.usable for seen in self.observations) else USABLE_WITH_SKIP

    def without_landmarks(self) -> Mapping[str, int]:
        """Returns how many usable faces of each split have not one known landmark."""
        counts = collections.Counter(
            split
            for seen in self.observations
            if seen.values and self.data_set.num_landmarks
            if not seen.values["landmark_mask"].any()
            for split in seen.listed.splits
        )
        return {split: counts[split] for split in self.found.splits if counts[split]}

    def by_kind(self) -> Mapping[str, Sequence[Problem]]:
        """Returns the problems by kind, those that make faces unusable first, then by number."""
        found: dict[str, list[Problem]] = collections.defaultdict(list)
        for problem in self.problems:
            found[problem.kind].append(problem)
        order = sorted(
            found, key=lambda kind: (found[kind][0].severity != BAD, -len(found[kind]), kind)
        )
        return {kind: found[kind] for kind in order}

    def findings(self) -> list[str]:
        """Returns what is to be said of the folder, a line each: whoever looked says the same."""
        lines = [f"incomplete: {text}" for text in self.found.problems]
        passed_over = folder_files.describe(self.found.passed_over)
        if passed_over:
            lines.append(f"passed over: {passed_over}")
        without = self.without_landmarks()
        if without:
            counts = ", ".join(f"{split} {number}" for split, number in without.items())
            lines.append(f"faces without a single known landmark: {counts}")
        for kind, of_kind in self.by_kind().items():
            lines.append(f"{kind}: {len(of_kind)}; the first: {_told(of_kind[0])}")
        return [*lines, f"verdict: {VERDICTS[self.verdict]}"]

    def as_dict(self) -> dict[str, Any]:
        """Returns the same for programs to read."""
        without = self.without_landmarks()
        return {
            "folder": str(self.root),
            "set": self.data_set.name,
            "layout": self.found.layout,
            "verdict": VERDICT_NAMES[self.verdict],
            "error": None,
            "splits": {
                split: {
                    "faces": len(self.found.splits[split]),
                    "looked_at": looked,
                    "bad": bad,
                    "without_landmarks": without.get(split, 0),
                }
                for split, (looked, bad) in self.split_counts().items()
            },
            "parts": [dataclasses.asdict(part) for part in self.found.parts],
            "incomplete": list(self.found.problems),
            "passed_over": dict(self.found.passed_over),
            "problems": [
                {
                    "kind": kind,
                    "severity": of_kind[0].severity,
                    "number": len(of_kind),
                    "first": {
                        "file_or_line": of_kind[0].place,
                        "what": of_kind[0].what,
                        "what_to_do": of_kind[0].advice,
                    },
                }
                for kind, of_kind in self.by_kind().items()
            ],
        }


def _told(problem: Problem) -> str:
    """A problem as one line; most errors begin with their place, which is not said twice."""
    said = f"{printable(problem.what)}; {problem.advice}"
    if said.startswith(printable(problem.place)):
        return said
    place = "/".join(pathlib.PurePath(problem.place).parts[-2:])
    return f"{printable(place)}: {said}"


def diagnose(
    root: pathlib.Path,
    data_set: recognition.DataSet,
    found: faces.Found,
    observations: Sequence[Observation],
    others: Sequence[str] = (),
) -> Diagnosis:
    """Returns what faces that were looked at say, each by itself and all together.

    Args:
      root: The folder of downloads.
      data_set: Which set it holds.
      found: What the set's own search found.
      observations: What was seen of each face.
      others: Further sets that it looks like.
    """
    problems = [problem for seen in observations for problem in seen.problems]
    problems += comparisons.duplicates(observations)
    problems += comparisons.repeated_keys(observations)
    problems += comparisons.repeated_faces(observations)
    problems += comparisons.placed_by_programs(observations, data_set.scheme)
    problems += comparisons.flip_pairs(observations, data_set.scheme, str(root))
    problems += units.made_for_smaller_photos(observations, str(root))
    problems += units.made_for_larger_photos(observations, str(root))
    problems += units.corners_for_sizes(observations, str(root))
    problems += units.sizes_for_corners(observations, str(root))
    problems += _deeper(root, data_set.name)
    return Diagnosis(root, data_set, others, found, observations, problems)


def _deeper(root: pathlib.Path, name: str) -> list[Problem]:
    what = recognition.lies_deeper(root) if name in recognition.FALLBACKS else ""
    advice = "as it is, its landmarks and boxes are not read"
    return [Problem(str(root), (), "another set below", LOOK, what, advice)] if what else []


def of_failure(root: str, name: str | None, error: BaseException) -> dict[str, Any]:
    """Returns what `Diagnosis.as_dict` gives, for a folder that could not be looked through.

    Args:
      root: The folder.
      name: The set that it was to hold; None where it was to be found out.
      error: What stopped it.
    """
    return {
        "folder": root,
        "set": name,
        "verdict": VERDICT_NAMES[NOT_USABLE],
        "error": told(error),
    }


def told(error: BaseException) -> str:
    """Returns an error's message with the notes that were added to it."""
    return "\n".join([str(error), *getattr(error, "__notes__", ())])
