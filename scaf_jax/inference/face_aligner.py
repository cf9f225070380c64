"""Landmarks of a user's own photos: a trained network behind one call.

aligner = load("runs/own")
faces = aligner.predict(photo, boxes=[x0, y0, x1, y1])
faces.landmarks                              # (1, L, 2), pixels of the photo
for file in aligner.predict_files(paths):    # one after the other
    ...
"""

import dataclasses
import functools
import os
import pathlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Literal

import numpy.typing as npt

from scaf_jax.data import images
from scaf_jax.files import places
from scaf_jax.inference import (
    box_finder,
    bundle,
    exported_network,
    face_batches,
    found_faces,
    locator,
    photo_faces,
    run_folder,
    second_look,
)
from scaf_jax.inference.found_faces import Faces, FileFaces
from scaf_jax.landmarks import schemes
from scaf_jax.weights import fitted

Path = str | os.PathLike[str]
Array = npt.NDArray[Any]
Network = bundle.Bundle | exported_network.ExportedNetwork


BATCH_SIZE = 8


class FaceAligner:
    """A landmark network that looks at photos; see `load`.

    Results do not depend on the batch size or on what else is in a batch. Every batch has the same
    shape, so that the network is compiled once for each batch size, whatever the photos' sizes.
    """

    def __init__(
        self,
        network: Network,
        *,
        flip: bool | None = None,
        decoder: str | None = None,
        detector: str | None = None,
        most_faces: int = 0,
        looks: int = 1,
    ) -> None:
        """Takes a network.

        Args:
          network: The network, or a program that was exported from one.
          flip: Whether heatmaps are averaged with those of the mirrored face: twice the work, and
            most often better. By default as in the network's evaluation, where that is known.
          decoder: How places are read from heatmaps, `argmax` (whole heatmap pixels) or `subpixel`;
            by default the network's own.
          detector: What finds the faces of photos without boxes, one of
            `detection.detectors.NAMES`; by default such photos are each a face.
          most_faces: How many faces it finds in a photo, the largest ones; 0 for all.
          looks: How often the network looks at a face that the detector found: with 2 the second
            time in the box about the landmarks of the first, which takes twice as long and needs
            such boxes to be fitted by `scaf_jax.fit`.

        Raises:
          DetectorMissingError: The detector's package is not installed; the message says how to
            get it.
          ValueError: There is no such decoder or detector, an exported program cannot do so, or
            `looks` is neither 1 nor 2, or 2 of a network to which no boxes were fitted.
        """
        if decoder is not None:
            network = _decoded_by(network, decoder)
        self.network = network
        self.flip = bool(network.provenance.get(run_folder.FLIP, True)) if flip is None else flip
        self.finder: box_finder.BoxFinder | None = None
        if detector:
            self.finder = box_finder.make(network, detector, most_faces)
        self.looks = _checked_looks(looks, network)
        if isinstance(network, bundle.Bundle):
            self._locator = locator.Locator(network, flip=self.flip)
        else:
            self._locator = exported_network.ExportedLocator(network, flip=self.flip)

    @property
    def scheme(self) -> schemes.LandmarkScheme:
        """What the landmarks mean."""
        return self.network.scheme

    def predict(
        self,
        images: Array | Sequence[Array],
        boxes: Any = None,
        *,
        batch_size: int = BATCH_SIZE,
        heatmaps: bool = False,
        reconstructions: bool = False,
    ) -> Faces:
        """Finds the landmarks of faces in decoded photos.

        Args:
          images: A photo, (H, W, 3) uint8 RGB, or a list of photos of any sizes.
          boxes: Where the faces are. None: where the detector finds them, and without one the
            whole photos, each a face. For one photo its box
            (4,), x0, y0, x1, y1 in pixels, edges (the first pixel covers 0 to 1), or the boxes
            (N, 4) of N faces. For a list of photos a list with an entry for each: a box, boxes or
            None. The network expects boxes like those that it was trained with.
          batch_size: Faces that the network looks at together; give 1 for the shortest wait for
            single faces.
          heatmaps: Whether to return heatmaps.
          reconstructions: Whether to return reconstructions.

        Returns:
          The faces, in the order of photos and boxes.

        Raises:
          TypeError: A photo is not uint8.
          ValueError: A photo or box has another shape, a box is not finite, encloses nothing or
            lies outside its photo, or there are not as many entries of boxes as photos.
        """
        wanted = locator.Wanted(batch_size, heatmaps, reconstructions)
        photos, places = photo_faces.one_by_one(images, boxes)
        crop = self.network.crop

        def prepare(number: int) -> locator.Job:
            name = f"photo {number}"
            found = photo_faces.of_pixels(photos[number], places[number], crop, name, self.finder)
            return locator.Job(number, found)

        # All before the first batch: an error must not come after minutes.
        jobs = [prepare(number) for number in range(len(photos))]
        found = [faces for _, faces in self._look(jobs or [locator.NOTHING], wanted)]
        return found_faces.joined(found)

    def predict_files(
        self,
        paths: Iterable[Path],
        boxes: Sequence[Any] | Callable[[pathlib.Path, tuple[int, int]], Any] | None = None,
        *,
        batch_size: int = BATCH_SIZE,
        num_threads: int = 2,
        on_error: Literal["report", "raise"] = "report",
        heatmaps: bool = False,
        reconstructions: bool = False,
    ) -> Iterator[FileFaces]:
        """Finds the landmarks of faces in photo files, one file after the other.

        Files are decoded while the network works; no more than some batches are in memory.

        Args:
          paths: The files.
          boxes: As for `predict`, in the photo as people see it, that is turned the way its EXIF
            orientation says; or a function of a file and its (width, height) that gives them, or
            None as above.
          batch_size: Faces that the network looks at together.
          num_threads: Threads that read files; with 0 they are read between the batches.
          on_error: What becomes of a file that cannot be used: `report` yields it with `error`,
            `raise` raises.
          heatmaps: Whether to return heatmaps.
          reconstructions: Whether to return reconstructions.

        Yields:
          Each file with its faces, whose `photo` is the file's number.

        Raises:
          TypeError: `paths` is no list.
          images.ImageError: A file cannot be read or used; with `raise` only.
          ValueError: A box cannot be used (with `raise` only), there are not as many entries of
            boxes as files, or an argument is none of those allowed.
        """
        if on_error not in ("report", "raise"):
            raise ValueError(f"on_error must be 'report' or 'raise', not '{on_error}'")
        if isinstance(paths, str | os.PathLike):
            raise TypeError(f"paths must be a list of files; for one file give [{paths!r}]")
        files = [pathlib.Path(path) for path in paths]
        wanted = locator.Wanted(batch_size, heatmaps, reconstructions)
        if boxes is not None and not callable(boxes):
            photo_faces.check_count(boxes, len(files), "files")

        def prepare(number: int) -> locator.Job:
            try:
                path = files[number]
                if callable(boxes):
                    places: Any = functools.partial(boxes, path)
                else:
                    places = None if boxes is None else boxes[number]
                found = photo_faces.of_file(path, places, self.network.crop, self.finder)
            except ValueError as error:
                return locator.Job(number, None, error)
            return locator.Job(number, found)

        def stream() -> Iterator[FileFaces]:
            jobs = face_batches.ahead(prepare, range(len(files)), num_threads)
            for job, faces in self._look(jobs, wanted):
                if job.error is not None and on_error == "raise":
                    raise job.error
                yield _of_file(files[job.number], job, faces)

        return stream()

    def _look(
        self, jobs: Iterable[locator.Job], wanted: locator.Wanted
    ) -> Iterator[tuple[locator.Job, Faces]]:
        about = self.network.fitted.boxes.get(fitted.LANDMARKS)
        if self.finder is not None and self.looks > 1 and about is not None:
            jobs = second_look.jobs(jobs, self._locator, wanted.batch_size, about)
        return self._locator.look(jobs, wanted)


def load(
    path: Path,
    *,
    flip: bool | None = None,
    decoder: str | None = None,
    detector: str | None = None,
    most_faces: int = 0,
    looks: int = 1,
) -> FaceAligner:
    """Loads a landmark network, to look at photos with it.

    Args:
      path: The folder of a run (WORKDIR), or a weights file, also in a bucket (gs://...), see
        `Bundle.load`; or a program, as `scaf_jax.export` writes it.
      flip: Whether heatmaps are averaged with those of the mirrored face; see `FaceAligner`.
      decoder: How places are read from heatmaps; see `FaceAligner`.
      detector: What finds faces; see `FaceAligner`.
      most_faces: How many of a photo; see `FaceAligner`.
      looks: How often a found face is looked at; see `FaceAligner`.

    Raises:
      FileNotFoundError: There is neither, or no checkpoint in the folder.
      checkpoint_errors.CheckpointError, header.WeightsError: It is damaged, not ours, from a
        later version, or a stage 1, which marks no landmarks.
      DetectorMissingError: The detector's package is not installed.
      ValueError: An option cannot be used, or not with this network.
    """
    file = None if places.is_address(path) else pathlib.Path(path)
    network = exported_network.load(file) if file and exported_network.is_export(file) else None
    return FaceAligner(
        network or bundle.Bundle.load(path),
        flip=flip,
        decoder=decoder,
        detector=detector,
        most_faces=most_faces,
        looks=looks,
    )


def _checked_looks(looks: int, network: Network) -> int:
    if looks not in (1, 2):
        raise ValueError(f"looks must be 1 or 2, not {looks!r}")
    if looks == 2 and fitted.LANDMARKS not in network.fitted.boxes:
        raise ValueError(
            "looks=2 needs boxes about landmarks, which were not fitted to this network: "
            "`python -m scaf_jax.fit RUN --data=NAME` fits them"
        )
    return looks


def _decoded_by(network: Network, decoder: str) -> Network:
    if isinstance(network, bundle.Bundle):
        return dataclasses.replace(network, decoder=decoder)
    return network.with_decoder(decoder)


def _of_file(path: pathlib.Path, job: locator.Job, faces: Faces) -> FileFaces:
    if job.found is not None:
        return FileFaces(path, faces, job.found.size)
    name, text = images.printable_name(str(path)), str(job.error)
    return FileFaces(path, None, error=text if name in text else f"{name}: {text}")
