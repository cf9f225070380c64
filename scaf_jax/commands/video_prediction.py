"""The work of `scaf_jax.predict` on videos and cameras: faces are followed from frame to frame."""

import glob
import itertools
import os
import pathlib
import time
from collections.abc import Iterator, Sequence

import numpy as np
from absl import logging

from scaf_jax.commands import launch
from scaf_jax.commands.photo_prediction import Settings, about, load, warmed_up
from scaf_jax.files.escaping import printable
from scaf_jax.inference import face_aligner, photo_faces, photo_inputs, prediction_files
from scaf_jax.inference.tracking import TrackedFace, Tracker
from scaf_jax.inference.video_files import VIDEO, FrameFaces, Smoother, VideoFiles
from scaf_jax.inference.videos import EXTENSIONS, Frame, VideoError, VideoWriter, read, read_camera
from scaf_jax.reporting import photo_pictures
from scaf_jax.training import progress
from scaf_jax.weights import fitted


def find(inputs: Sequence[str]) -> list[str]:
    """Returns the videos, and numbers of cameras, among inputs; [] where all of them are photos.

    Raises:
      ValueError: Some are videos, others are not.
    """
    found = [text for item in inputs for text in _videos_of(item)]
    others = [item for item in inputs if not _videos_of(item)]
    if found and others:
        raise ValueError(
            f"{printable(others[0])} is no video, other inputs are: give photos and videos to "
            "commands of their own"
        )
    return found


def _videos_of(item: str) -> list[str]:
    path = os.path.expanduser(item)
    if item.isascii() and item.isdigit() and not os.path.exists(path):
        return [item]
    if os.path.isfile(path) or not any(mark in item for mark in "*?["):
        return [path] if path.lower().endswith(EXTENSIONS) else []
    fitting = sorted(glob.glob(path, recursive=True))
    return [name for name in fitting if name.lower().endswith(EXTENSIONS)]


def run(settings: Settings, videos: Sequence[str]) -> launch.Outcome:
    """Looks at the videos and writes a folder for each; one that cannot be used is logged.

    Stopped, the same settings go on with the frames that were not looked at yet.

    Raises:
      FileNotFoundError: There is no network.
      ValueError: The network, the detector or a setting cannot be used.
    """
    if settings.boxes is not None:
        raise ValueError("--boxes is for photos; for videos give --detector or --box")
    if settings.box is not None and settings.detector is not None:
        raise ValueError("--box and --detector: give one of them")
    if min(settings.detect_every, settings.most_frames) < 0:
        raise ValueError("--detect_every and --most_frames must be 0 or more")
    aligner = load(settings)
    if settings.box is None and settings.detector is None:
        logging.warning("the whole picture is taken for a face; give --detector or --box")
    settings.output.mkdir(parents=True, exist_ok=True)
    warmed_up(aligner, 1)
    lines, bad, names = [], 0, set[str]()
    for video in videos:
        name = _folder_name(video, names)
        folder = settings.output / name
        before, frames, faces, seconds, error = _look(settings, aligner, video, folder)
        if error:
            bad += 1
            logging.error("%s", printable(error))
        lines.append(
            f"{printable(video)}: {faces} faces in {frames} frames, {seconds:.1f} s, "
            f"{frames / max(seconds, 1e-9):.1f} frames/s; {printable(str(folder))}"
            + (f"; {before} further frames were looked at before" if before else "")
        )
    if bad:
        lines.append(f"{bad} of {len(videos)} videos could not be used to their end; see above")
    return launch.Outcome("\n".join(lines), bad)


def _look(
    settings: Settings, aligner: face_aligner.FaceAligner, video: str, folder: pathlib.Path
) -> tuple[int, int, int, float, str]:
    """Frames of before, frames and faces of now, seconds, and what was wrong."""
    # What a camera shows does not come again: nothing can go on from it.
    of_file = prediction_files.file_state(pathlib.Path(video))
    state = [time.time_ns()] if video.isdigit() else of_file
    work = about(settings, aligner) | {"video": video, "file": state}
    work |= {"detect_every": settings.detect_every, "smooth": settings.smooth}
    tracker, error = _tracker(settings, aligner), ""
    smoother = Smoother() if settings.smooth else None
    before = count = faces = 0
    with VideoFiles(folder, aligner.scheme, work, overwrite=settings.overwrite) as files:
        done = files.done()
        start = time.perf_counter()
        writer = VideoWriter(folder / VIDEO) if settings.pictures else None
        try:
            for frame in progress.track(_frames(settings, video), printable(video)):
                found = next(done, None)
                if found is None:
                    found = files.add(frame, tracker.step(frame.pixels))
                    count, faces = count + 1, faces + len(found.faces)
                else:
                    before += 1
                    tracker.replay(found.faces)
                if writer is not None:
                    _draw(writer, frame, found if smoother is None else smoother(found))
        except VideoError as problem:
            error = str(problem)
        except KeyboardInterrupt:
            if not video.isdigit():
                raise
            logging.info("camera %s: stopped", video)
        finally:
            if writer is not None:
                writer.close()
        seconds = time.perf_counter() - start
        files.close(settings.smooth)
    return before, count, faces, seconds, error


def _frames(settings: Settings, video: str) -> Iterator[Frame]:
    frames = read_camera(int(video)) if video.isdigit() else read(pathlib.Path(video))
    return itertools.islice(frames, settings.most_frames) if settings.most_frames else frames


def _tracker(settings: Settings, aligner: face_aligner.FaceAligner) -> Tracker:
    box = photo_inputs.parse_box(settings.box) if settings.box is not None else (0, 0, 1, 1)

    def find(pixels: np.ndarray) -> np.ndarray:
        if aligner.finder is not None:
            return aligner.finder(pixels)
        return np.array([box]) * np.tile(pixels.shape[1::-1], 2)

    def look(pixels: np.ndarray, boxes: np.ndarray) -> list[TrackedFace]:
        size = (pixels.shape[1], pixels.shape[0])
        given = photo_faces.checked_boxes(boxes, size, "frame")
        found = aligner.predict(pixels, given, batch_size=1)
        sure = found.confidence
        return [
            TrackedFace(
                -1,
                found.boxes[i],
                found.landmarks[i],
                float(found.nnm[i]),
                None if sure is None else sure[i],
            )
            for i in range(len(found))
        ]

    return Tracker(
        find,
        look,
        about_landmarks=aligner.network.fitted.boxes.get(fitted.LANDMARKS),
        find_every=settings.detect_every if aligner.finder is not None else 0,
        most_faces=settings.most_faces,
    )


def _draw(writer: VideoWriter, frame: Frame, found: FrameFaces) -> None:
    landmarks = np.array([face.landmarks for face in found.faces])
    boxes = np.array([face.box for face in found.faces])
    pixels = photo_pictures.with_faces(frame.pixels, landmarks, boxes)
    writer.add(Frame(frame.number, frame.time, np.asarray(pixels, np.uint8)))


def _folder_name(video: str, used: set[str]) -> str:
    stem = f"camera_{video}" if video.isdigit() else pathlib.Path(video).stem
    name, number = stem, 1
    while name.casefold() in used:
        number += 1
        name = f"{stem}-{number}"
    used.add(name.casefold())
    return name
