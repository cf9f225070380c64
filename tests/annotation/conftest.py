"""Exported rounds, and a person who annotates them in one of the tools."""

import copy
import dataclasses
import functools
import io
import json
import pathlib
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from data_builders.synthetic_faces import renderer
from scaf_jax.annotation import export, importing, store
from scaf_jax.annotation.faces import FaceToAnnotate, Index, read_index
from scaf_jax.landmarks import scheme_files, schemes

SIZE = 96
PADDING = 20  # to the right, so that width and height differ
Points = dict[str, np.ndarray]  # by key, (L, 2), pixel centers


def encode(pixels: np.ndarray, file_format: str = "JPEG", **options: Any) -> bytes:
    """The encoded photo."""
    output = io.BytesIO()
    Image.fromarray(pixels).save(output, file_format, **options)
    return output.getvalue()


@pytest.fixture(scope="session")
def encoded() -> Callable[..., bytes]:
    return encode


@pytest.fixture(scope="session")
def make_faces() -> Callable[..., list[FaceToAnnotate]]:
    """`make_faces(scheme)` gives three faces; the model's landmarks are the true ones."""

    @functools.cache
    def make(scheme: schemes.LandmarkScheme) -> list[FaceToAnnotate]:
        faces = []
        for i, score in enumerate((-30.0, -10.0, -20.0)):
            drawn = renderer.render_face(1, i, size=SIZE)
            pixels = np.pad(drawn.image, ((0, 0), (0, PADDING), (0, 0)))
            points = drawn.landmarks68 if scheme is schemes.IBUG68 else drawn.landmarks98
            points = np.clip(points, 0, SIZE - 1)
            box = [*points.min(axis=0), *(points.max(axis=0) + 1)]
            faces.append(FaceToAnnotate(f"set/photo {i}.jpg", encode(pixels), points, box, score))
        return faces

    return make


class Round:
    """An exported round, and what a person makes of it."""

    def __init__(self, folder: pathlib.Path, scheme: schemes.LandmarkScheme):
        self.folder = folder
        self.scheme = scheme
        self.target = folder / "to_annotate"

    @property
    def index(self) -> Index:
        return read_index(self.folder)

    @property
    def keys(self) -> list[str]:
        """In the order asked."""
        return [face.key for face in self.index.faces]

    def moved(self, seed: int = 0) -> Points:
        """The pre-labels, moved by a pixel or so."""
        rng = np.random.default_rng(seed)
        return {
            face.key: np.clip(
                face.landmarks + rng.normal(0, 1, face.landmarks.shape),
                0,
                [face.width - 1, face.height - 1],
            )
            for face in self.index.faces
        }

    def load(self, name: str) -> Any:
        return json.loads((self.target / name).read_text(encoding="utf-8"))

    def label_studio(self, points: Points) -> list[dict[str, Any]]:
        """A full JSON export: predictions were taken over, points moved, everything submitted."""
        tasks = []
        for number, task in enumerate(self.load("tasks.json"), 1):
            result = copy.deepcopy(task["predictions"][0]["result"])
            for region in result:
                if region["type"] == "keypointlabels":
                    [name] = region["value"]["keypointlabels"]
                    place = self.scheme.landmark_names.index(name)
                    x, y = points[task["data"]["key"]][place]
                    region["value"]["x"] = (x + 0.5) / region["original_width"] * 100
                    region["value"]["y"] = (y + 0.5) / region["original_height"] * 100
                region["origin"] = "manual"
            annotation = {
                "id": 100 + number,
                "completed_by": 1,
                "result": result,
                "was_cancelled": False,
                "ground_truth": False,
                "created_at": "2024-05-01T10:00:00.000000Z",
                "updated_at": "2024-05-01T10:00:00.000000Z",
                "lead_time": 12.5,
                "task": number,
            }
            tasks.append({**task, "id": number, "annotations": [annotation], "project": 1})
        return tasks

    def label_studio_min(self, points: Points) -> list[dict[str, Any]]:
        """The same as JSON_MIN."""
        records = []
        for task in self.label_studio(points):
            annotation = task["annotations"][0]
            named: dict[str, list[dict[str, Any]]] = {}
            for region in annotation["result"]:
                size = {k: region[k] for k in ("original_width", "original_height")}
                named.setdefault(region["from_name"], []).append(region["value"] | size)
            records.append(
                {
                    **task["data"],
                    "id": task["id"],
                    **named,
                    "annotator": 1,
                    "annotation_id": annotation["id"],
                    "created_at": annotation["created_at"],
                    "updated_at": annotation["updated_at"],
                    "lead_time": annotation["lead_time"],
                }
            )
        return records

    def coco(self, points: Points) -> dict[str, Any]:
        """What CVAT exports as COCO Keypoints 1.0: coordinates rounded to hundredths."""
        document = self.load("person_keypoints_default.json")
        for face, annotation in zip(self.index.faces, document["annotations"], strict=True):
            annotation["keypoints"] = [
                value for x, y in (points[face.key] + 0.5).round(2).tolist() for value in (x, y, 2)
            ]
            annotation["attributes"] = {"occluded": False, "keyframe": False}
        return document

    def pts(self, points: Points) -> dict[str, str]:
        """Texts of `.pts` files by name."""
        return {
            f"{face.stem}.pts": "version: 1\nn_points: {}\n{{\n{}\n}}\n".format(
                len(points[face.key]),
                "\n".join(f"{x + 1:.3f} {y + 1:.3f}" for x, y in points[face.key]),
            )
            for face in self.index.faces
        }


@pytest.fixture
def make_round(tmp_path, make_faces) -> Callable[..., Round]:
    """`make_round(scheme)` exports a round of three faces."""

    def make(scheme: schemes.LandmarkScheme = schemes.IBUG68) -> Round:
        folder = tmp_path / "work" / "rounds" / "round_0"
        export.export_faces(folder, make_faces(scheme), scheme, model_version="scaf round 0")
        return Round(folder, scheme)

    return make


@pytest.fixture
def named_round(tmp_path, make_faces) -> Round:
    """A round of three faces marked in a scheme of names, some of them hard on file formats."""
    names = ["left eye", "right eye", 'the "tip" & <nose>', "mouth", "chin"]
    content = {
        "name": "own",
        "landmarks": names,
        "flip_pairs": [names[:2]],
        "normalizer": names[:2],
        "strokes": [names[2:]],
    }
    scheme = scheme_files.scheme_from_dict(content, "test").scheme
    asked = [
        dataclasses.replace(face, landmarks=np.asarray(face.landmarks)[[36, 45, 30, 62, 8]])
        for face in make_faces(schemes.IBUG68)
    ]
    folder = tmp_path / "work" / "rounds" / "round_0"
    export.export_faces(folder, asked, scheme, model_version="scaf round 0")
    return Round(folder, scheme)


@pytest.fixture
def save(tmp_path) -> Callable[..., pathlib.Path]:
    """`save(document)` writes what a person gives back and returns its path."""

    def write(document: Any, name: str = "given") -> pathlib.Path:
        if isinstance(document, dict) and all(isinstance(v, str) for v in document.values()):
            folder = tmp_path / name
            folder.mkdir(exist_ok=True)
            for file, text in document.items():
                (folder / file).write_text(text, encoding="utf-8")
            return folder
        path = tmp_path / f"{name}.json"
        text = document if isinstance(document, str) else json.dumps(document)
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def expect_rejected(make_round, save) -> Callable[..., None]:
    """`expect_rejected(form, spoil, field, message)` spoils the first of three faces.

    It alone must be rejected, with that field and message (regular expressions), and must be
    accepted when it is given again unspoilt.
    """

    def check(form: str, spoil: Callable[[Any], object], field: str, message: str) -> None:
        exported = make_round()
        first, *others = exported.keys
        document = getattr(exported, form)(exported.moved())
        spoil(document)
        report = importing.import_annotations(save(document), exported.folder, exported.scheme)
        assert list(report.accepted) == others
        assert report.missing == (first,)
        assert report.rejected
        for problem in report.rejected:
            assert problem.key == first
            assert problem.location.startswith("0001_" if form == "pts" else "given.json: ")
            assert problem.advice
        problem = report.rejected[0]
        assert re.fullmatch(field, problem.field), problem
        assert re.search(message, problem.message), problem
        assert store.status(exported.folder).rejected == (first,)

        corrected = getattr(exported, form)(exported.moved())
        report = importing.import_annotations(save(corrected), exported.folder, exported.scheme)
        assert report.rejected == () and report.missing == () and report.replaced == ()
        assert store.status(exported.folder).rejected == ()

    return check
