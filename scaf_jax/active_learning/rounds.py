"""Rounds of active learning: choose faces, get their labels, train, look at the pool, choose again.

Every round is a folder, `WORKDIR/rounds/round_N`, with `selection.json`, `alignment/` (its
checkpoints), `report/`, `scores/` and pictures of the choice. Whatever is there is not done again:
a run that was stopped anywhere goes on to the same result. Source: SCAF, sec. 3.2 and 4.6.
"""

from collections.abc import Sequence

import jax
from absl import logging

from scaf_jax.active_learning import (
    choices,
    labels,
    learning_curve,
    pictures,
    round_report,
    selections,
)
from scaf_jax.annotation import faces
from scaf_jax.choosing import plan
from scaf_jax.data import sources
from scaf_jax.files import places, strict_json
from scaf_jax.files.places import Place
from scaf_jax.inference import bundle, fitted_file
from scaf_jax.reporting import report as reporting
from scaf_jax.runs import (
    alignment_stage,
    detected_boxes,
    evaluation,
    resolve,
    stage1,
    stage_training,
    stages,
    test_set_checks,
)
from scaf_jax.runs.run import Run
from scaf_jax.training import sharding


def run(resolved: Run, workdir: str) -> reporting.Report:
    """Does what is missing of all rounds.

    Args:
      resolved: The run; it has `rounds`.
      workdir: Its folder.

    Returns:
      The table of all rounds.

    Raises:
      labels.AnnotationNeeded: The oracle is `human` and it is the person's turn.
      identity.RunMismatchError: The folder holds rounds with other settings.
    """
    return Rounds(resolved, places.at(workdir)).run()


def export_round(workdir: Place, number: int) -> Place:
    """Writes a round's `to_annotate/` again, from its selection and the run's config.

    Args:
      workdir: The run's folder.
      number: Number of the round.

    Returns:
      The folder.

    Raises:
      FileNotFoundError: There is no such round.
    """
    folder = selections.round_folder(workdir, number)
    selection = selections.read(folder)
    path = workdir / round_report.CONFIG_FILE
    if selection is None or not path.is_file():
        raise FileNotFoundError(f"{folder}: no round was begun there; start scaf_jax.main first")
    rounds = Rounds(resolve.resolve_kept(strict_json.read_json(path)), workdir)
    rounds.ask(selection, again=True)
    return folder / faces.EXPORT_FOLDER


class Rounds:
    """One run: its data, its plan and what it has done so far."""

    def __init__(self, resolved: Run, workdir: Place) -> None:
        """Opens the data; the first thing that fails if they are not there."""
        if resolved.rounds is None:
            raise ValueError("active_learning.strategy is empty: this run has no rounds")
        self._run, self._workdir, self._plan = resolved, workdir, resolved.rounds
        if self._plan.oracle == "human":
            places.on_disk(workdir, "annotating")
        self._pool = _pool(resolved, self._plan)
        if self._plan.label_counts[-1] > len(self._pool):
            raise ValueError(
                f"active_learning.budget={self._plan.label_counts[-1]} is more than the pool's "
                f"{len(self._pool)} faces"
            )
        self._chosen: list[selections.Selection] = []
        # Of the last round that was trained; opened when a choice or an evaluation needs it.
        self._network: tuple[int, bundle.Bundle] | None = None

    def run(self) -> reporting.Report:
        """Does all rounds; see `run`."""
        # What a round would miss at its end is looked at before the first training.
        stage_training.check_devices(self._run)
        stage_training.tell_if_slow(self._run)
        test_set_checks.check(self._run)
        if jax.process_index() == 0:
            round_report.write_config(self._workdir, self._run)
        self._ask_early()
        _, self._pretrained = stages.ensure_pretraining(self._run, self._workdir)
        chooser = self._chooser(self._pretrained)
        for number in range(self._plan.last + 1):
            self._chosen.append(chooser.choose(self._chosen))
            try:
                labeled = self._labeled(self._chosen)
            except labels.AnnotationNeeded:
                self._report(self._chosen[:-1])
                raise
            if self._plan.trains(number) and not self._is_evaluated(number):
                self._evaluate(number, labeled)
        return self._report(self._chosen)

    def _chooser(self, pretrained: stage1.Stage1 | None) -> choices.Chooser:
        return choices.Chooser(self._run, self._workdir, self._pool, pretrained, self._open_network)

    def _ask_early(self) -> None:
        """Gives a person the first faces before stage 1 is trained, which may take days."""
        is_drawn = self._plan.start == plan.RANDOM and not self._plan.distinct
        if self._plan.oracle == "human" and is_drawn:
            self.ask(self._chooser(None).choose([]))
            if self._run.pretraining is not None:
                where = self._folder(0) / faces.EXPORT_FOLDER
                logging.info("%s: can be annotated while stage 1 is trained", where)

    def _report(self, chosen: Sequence[selections.Selection]) -> reporting.Report:
        """Writes the report of these first rounds, all of whose faces are labeled."""
        if not chosen or jax.process_index() != 0:
            return reporting.Report(self._workdir / "report.md", {}, "")
        normalizer = self._run.evaluation.normalizer
        new_faces = {
            selection.round: learning_curve.new_faces(
                self._folder(selection.round),
                self._labels_of([selection]),
                self._run.scheme,
                normalizer,
            )
            for selection in chosen[1:]
        }
        return round_report.write(self._workdir, self._run, chosen, new_faces)

    def ask(self, selection: selections.Selection, *, again: bool = False) -> None:
        """Writes a round's faces for a person, with the points of the round before; see `labels`.

        Args:
          selection: The round's choice.
          again: Whether to write them even where that was done before.
        """
        if jax.process_index() != 0:
            return
        landmarks = pictures.read_landmarks(self._folder(selection.round))
        labels.ask(
            self._workdir,
            self._pool,
            selection,
            self._run.scheme,
            landmarks,
            self._run.crop.box,
            again=again,
        )

    def _folder(self, number: int) -> Place:
        return selections.round_folder(self._workdir, number)

    def _labeled(self, chosen: Sequence[selections.Selection]) -> sources.Source:
        """Returns the faces of these first rounds, with their labels."""
        if self._plan.oracle == "human":
            self.ask(chosen[-1])
            sharding.synchronize(f"asked_{chosen[-1].round}")
        labeled = self._labels_of(chosen)
        if not len(labeled):
            raise ValueError(
                f"{self._workdir}: every face was skipped, so that there is nothing to learn from; "
                "annotate some of them"
            )
        return labeled

    def _labels_of(self, chosen: Sequence[selections.Selection]) -> sources.Source:
        """The faces of these rounds, with their labels, once a person was asked for them."""
        if self._plan.oracle == "human":
            return labels.annotated(self._workdir, self._pool, chosen)
        place = {key: i for i, key in enumerate(self._pool.keys)}
        places = [place[key] for selection in chosen for key in selection.keys]
        return sources.SubsetSource(self._pool, places)

    def _open_network(self, number: int) -> bundle.Bundle:
        """Trains a round's network, or opens it where that is done already."""
        if self._network is None or self._network[0] != number:
            labeled = self._labeled(self._chosen[: number + 1])
            network = alignment_stage.run_alignment(
                self._run, self._folder(number) / "alignment", self._pretrained, labeled=labeled
            )
            self._network = (number, network)
        return self._network[1]

    def _evaluate(self, number: int, labeled: sources.Source) -> None:
        network, stage = self._open_network(number), self._folder(number) / "alignment"
        if not self._run.faces.test_splits:
            # Which evaluating does as well: photos to come have the boxes of a detector.
            detected_boxes.with_fits(network, labeled, self._run.evaluation.boxes, stage)
            return
        result = evaluation.evaluate(
            self._run,
            network,
            self._folder(number) / "report",
            labeled=labeled,
            rebuilder=alignment_stage.rebuilder(self._run, self._pretrained, network),
            training=stage,
        )
        logging.info("round %d, %d labels:\n%s", number, len(labeled), result.text)

    def _is_evaluated(self, number: int) -> bool:
        folder = self._folder(number)
        if not self._run.faces.test_splits:
            return (folder / "alignment" / fitted_file.NAME).is_file()
        return (folder / "report" / "report.md").is_file()


def _pool(resolved: Run, rounds_plan: plan.Plan) -> sources.Source:
    """Returns all faces that may be chosen."""
    if rounds_plan.pool == plan.UNLABELED:
        return resolved.faces.photos()
    if rounds_plan.oracle == "human":
        return resolved.faces.split(resolved.faces.train_split)
    # A face without labels would be bought for nothing.
    return resolved.faces.labeled(resolved.faces.train_split)
