"""Finds landmarks in photos and videos with a trained network.

python -m scaf_jax.predict MODEL INPUT... --output=DIR
    [--detector=NAME] [--most_faces=N] [--looks=1|2] [--boxes=FILE.csv] [--box='(x0, y0, x1, y1)']
    [--batch_size=N] [--[no-]flip] [--decoder=NAME] [--no-pictures] [--overwrite]
    [--smooth] [--detect_every=N] [--most_frames=N]

MODEL is the folder of a run or a weights file, INPUT a photo, a folder or a pattern, or a video or
the number of a camera. Stopped, the same command continues.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from scaf_jax.commands import launch, photo_prediction, video_prediction
from scaf_jax.detection import detectors
from scaf_jax.files import places
from scaf_jax.landmarks import heatmaps


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns 0, or 1 if anything could not be used."""
    settings = photo_prediction.Settings(**vars(_parser().parse_args(arguments)))

    def work() -> launch.Outcome:
        videos = video_prediction.find(settings.inputs)
        if videos:
            return video_prediction.run(settings, videos)
        return photo_prediction.run(settings)

    return launch.run_on_photos(work)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m scaf_jax.predict", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    default = photo_prediction.Settings("", (), Path())
    add = parser.add_argument
    add("model", help="the folder of a run, or a weights file")
    add("inputs", nargs="+", help="photos, folders, 'photos/*.jpg'; videos; numbers of cameras")
    add("--output", type=places.path_argument, required=True, help="the folder to write")
    add("--detector", choices=detectors.NAMES, help="finds faces in photos without a row")
    add("--most_faces", type=int, default=0, help="of those, the N largest of a photo")
    add(
        "--looks",
        type=int,
        choices=(1, 2),
        default=1,
        help="2: again, about its landmarks",
    )
    add(
        "--boxes",
        type=places.path_argument,
        help="a table name,x0,y0,x1,y1, pixels, a row a face; by default the folder's boxes.csv",
    )
    add("--box", help="the face of photos without a row, in fractions of width and height")
    add("--batch_size", type=int, default=default.batch_size, help="faces looked at together")
    add("--flip", action=argparse.BooleanOptionalAction, help="average with mirrored faces")
    add("--decoder", choices=heatmaps.DECODERS, help="how places are read from heatmaps")
    add("--pictures", action=argparse.BooleanOptionalAction, default=True, help="draw them")
    add("--overwrite", action="store_true", help="replace files in the folder")
    add("--smooth", action="store_true", help="smooth landmarks of videos over time")
    more = "after how many frames new faces are looked for; 0: where none is left"
    add("--detect_every", type=int, default=default.detect_every, metavar="N", help=more)
    add("--most_frames", type=int, default=0, metavar="N", help="stop after so many frames")
    return parser


if __name__ == "__main__":
    sys.exit(launch.command(main))
