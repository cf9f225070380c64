"""Tests of following faces, with a network that sees where a bright square is."""

import numpy as np
import pytest

from scaf_jax.data.box_corrections import BoxCorrection
from scaf_jax.inference import tracking

SIDE = 20


class World:
    """Squares at places (N, 2) of a frame; what finds them and what marks their corners."""

    def __init__(self) -> None:
        self.places = np.zeros((0, 2))
        self.found = 0
        self.looked = 0

    def frame(self, *places: tuple[float, float]) -> np.ndarray:
        self.places = np.array(places, float).reshape(-1, 2)
        return np.zeros((200, 300, 3), np.uint8)

    def find(self, pixels: np.ndarray) -> np.ndarray:
        self.found += 1
        return np.concatenate([self.places - 5, self.places + SIDE + 5], axis=1)

    def look(self, pixels: np.ndarray, boxes: np.ndarray) -> list[tracking.TrackedFace]:
        self.looked += len(boxes)
        return [self._face(box) for box in boxes]

    def _face(self, box: np.ndarray) -> tracking.TrackedFace:
        middle = (box[:2] + box[2:]) / 2 - SIDE / 2
        distance = np.linalg.norm(self.places - middle, axis=1)
        if not len(distance) or distance.min() > SIDE:
            corners = np.stack([middle, middle + SIDE])
            return tracking.TrackedFace(-1, box, corners, nnm=-1.0)
        near = self.places[distance.argmin()]
        corners = np.stack([near + 0.5, near + SIDE - 0.5]) - 0.5
        return tracking.TrackedFace(-1, box, corners, nnm=-10.0)


@pytest.fixture
def world() -> World:
    return World()


def test_faces_keep_their_numbers_and_are_sought_only_when_due_or_lost(world):
    tracker = tracking.Tracker(world.find, world.look, find_every=0)
    for step in range(10):
        faces = tracker.step(world.frame((20 + 6 * step, 30), (200 - 6 * step, 100)))
        assert [face.track for face in faces] == [0, 1]
        np.testing.assert_allclose(faces[0].landmarks[0], [20 + 6 * step, 30])
    assert world.found == 1
    (left,) = tracker.step(world.frame((80, 30)))
    assert left.track == 0 and world.found == 2
    faces = tracker.step(world.frame((80, 30), (250, 150)))  # nobody looks for it yet
    assert len(faces) == 1 and world.found == 2
    assert tracker.step(world.frame()) == [] and world.found == 3
    (new,) = tracker.step(world.frame((100, 100)))
    assert new.track == 2


def test_new_faces_are_sought_every_so_often_and_no_more_than_wanted(world):
    tracker = tracking.Tracker(world.find, world.look, find_every=3, most_faces=2)
    places = [(20, 30)]
    counts = []
    for step in range(7):
        if step == 1:
            places += [(120, 30), (220, 30)]
        counts.append(len(tracker.step(world.frame(*places))))
    assert counts == [1, 1, 1, 2, 2, 2, 2] and world.found == 3


def test_of_two_that_come_to_one_face_the_surer_stays(world):
    tracker = tracking.Tracker(world.find, world.look, find_every=0)
    assert len(tracker.step(world.frame((60, 60), (130, 60)))) == 2
    large, small = tracker._tracks
    small.box = large.box + [4, 4, -8, -12]  # as after a cut
    world.look, look = lambda _, boxes: look(_, boxes[:1]) + [unsure(boxes[1])], world.look

    def unsure(box):
        return tracking.TrackedFace(-1, box, np.array([box[:2] + 5, box[2:] - 5]), nnm=-6.0)

    tracker._look = world.look
    (face,) = tracker.step(world.frame((60, 60)))
    assert face.track == 0 and face.nnm == -10


def test_boxes_are_those_of_the_training(world):
    about = BoxCorrection(0.0, -0.25, 2.0, 1.5)
    tracker = tracking.Tracker(world.find, world.look, about_landmarks=about, find_every=0)
    tracker.step(world.frame((100, 100)))
    (face,) = tracker.step(world.frame((100, 100)))
    np.testing.assert_allclose(face.box, [89.5, 89.5, 129.5, 119.5], atol=0.6)
    # Without one, it is as the first box lay.
    tracker = tracking.Tracker(world.find, world.look, find_every=0)
    tracker.step(world.frame((100, 100)))
    (face,) = tracker.step(world.frame((104, 100)))
    np.testing.assert_allclose(face.box, [95, 95, 125, 125], atol=0.6)


def test_what_was_recorded_goes_on_as_if_it_had_not_stopped(world):
    places = [(20 + 5 * step, 40) for step in range(8)]
    whole = tracking.Tracker(world.find, world.look, find_every=4)
    expected = [whole.step(world.frame(place)) for place in places]
    stopped = tracking.Tracker(world.find, world.look, find_every=4)
    for faces in expected[:5]:
        stopped.replay(faces)
    for place, faces in zip(places[5:], expected[5:], strict=True):
        (found,) = stopped.step(world.frame(place))
        assert found.track == faces[0].track
        np.testing.assert_allclose(found.box, faces[0].box)
