"""A folder of photos with two landmarks each, in any of the kinds of files."""

import json

import numpy as np
import pytest
from PIL import Image

from data_builders import face_reading, faces
from data_builders.landmarks_folder import downloads

SIZE = (60, 50)
NAMES = ("left", "right", "chin")
POINTS = ((10, 20), (30, 20), (20, 40))


class Photos:
    """Writes photos and files of landmarks, and lists or reads their faces."""

    def __init__(self, root):
        self.root = root
        self.write("scheme.json", json.dumps(self.scheme()))

    @staticmethod
    def scheme(**more):
        pair = list(NAMES[:2])
        own = {"name": "own", "landmarks": list(NAMES), "flip_pairs": [pair], "normalizer": pair}
        return own | more

    def write(self, name, content):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def photo(self, *names, size=SIZE, **options):
        for name in names:
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", size).save(path, **options)

    def pts(self, name, points=POINTS):
        lines = "".join(f"{x + 1} {y + 1}\n" for x, y in points)
        return self.write(name, f"version: 1\nn_points: {len(points)}\n{{\n{lines}}}\n")

    def csv(self, rows, name="landmarks.csv", header="", delimiter=","):
        columns = ["name", *(f"{n}_{axis}" for n in NAMES for axis in "xy"), *header.split()]
        lines = [columns, *(row for row in rows)]
        text = "".join(delimiter.join(map(str, line)) + "\n" for line in lines)
        return self.write(name, text)

    @staticmethod
    def row(name, *more, points=POINTS):
        return [name, *(value for point in points for value in point), *more]

    @staticmethod
    def keypoints(points=POINTS, shown=2):
        return [value for x, y in points for value in (x + 0.5, y + 0.5, shown)]

    def coco(self, name, photos, **changes):
        """A face a photo; `changes` replaces parts of the document."""
        content = {
            "images": [
                {"id": i, "file_name": photo, "width": SIZE[0], "height": SIZE[1]}
                for i, photo in enumerate(photos, 1)
            ],
            "categories": [{"id": 1, "name": "face", "keypoints": list(NAMES)}],
            "annotations": [
                {
                    "id": i,
                    "image_id": i,
                    "category_id": 1,
                    "keypoints": self.keypoints(),
                    "bbox": [5, 10, 40, 35],
                }
                for i in range(1, len(photos) + 1)
            ],
        }
        content |= changes
        self.write(name, json.dumps(content))
        return content

    def find(self):
        return downloads.find(self.root)

    def listed(self):
        """Keys of each split, and the problems as one text."""
        found = self.find()
        splits = {name: [face.key for face in members] for name, members in found.splits.items()}
        return splits, "\n".join(found.problems)

    def read(self):
        """What is read of every face, or the message of what is wrong with it, by key."""
        result = {}
        for members in self.find().splits.values():
            for face in members:
                try:
                    result[face.key] = face_reading.read_face(face, len(NAMES))
                except faces.FACE_ERRORS as error:
                    result[face.key] = str(error)
        return result

    def landmarks(self):
        """The landmarks of every face by key, NaN where they are not known."""
        return {
            key: np.where(read["landmark_mask"][:, None], read["landmarks"], np.nan)
            for key, read in self.read().items()
        }


@pytest.fixture
def photos(tmp_path):
    return Photos(tmp_path / "photos")
