"""The experiment `choosing`: which strategy's faces teach most, against faces drawn at random."""

import dataclasses
import pathlib

from scaf_jax.experiments import (
    choosing_design,
    choosing_pictures,
    choosing_results,
    choosing_run,
)
from scaf_jax.files import atomic
from scaf_jax.runs import stages
from scaf_jax.runs.run import Run

FOLDER = "choosing"


@dataclasses.dataclass(frozen=True)
class Options:
    """What the command line chooses.

    Attributes:
      strategies: Names of strategies.
      starts: How the first faces are drawn; of `choosing_design.STARTS`.
      budgets: Numbers of labels at which networks are evaluated.
      draws: How many draws of the first faces.
      held_out: How many faces of the training split are set apart to evaluate on, beside the
        config's test sets; 0: none, and every face of the training split may be chosen.
      pictures: Whether to draw what was chosen first.
    """

    strategies: tuple[str, ...]
    starts: tuple[str, ...]
    budgets: tuple[int, ...]
    draws: int
    held_out: int = 0
    pictures: bool = False


def run(shared: Run, options: Options, workdir: pathlib.Path) -> str:
    """Does what is missing of the experiment; the table is written anew after each strategy.

    Args:
      shared: What all trainings share; stage 1 is trained with it once, in `WORKDIR/pretraining`,
        unless it names another one.
      options: What is compared.
      workdir: The experiment's folder.

    Returns:
      The table, for a terminal.

    Raises:
      ValueError: Something does not fit; the message names it.
    """
    section = shared.config["active_learning"]
    design = choosing_design.design(
        options.strategies,
        options.starts,
        initial=int(section["initial"]),
        per_round=int(section["per_round"]),
        budgets=options.budgets,
        draws=options.draws,
    )
    train = shared.faces.labeled(shared.faces.train_split)
    if options.held_out:
        faces = choosing_run.split_pool(train, shared.faces.tests(), options.held_out)
    else:
        faces = choosing_run.Faces(train, shared.faces.tests())
    _, pretrained = stages.ensure_pretraining(shared, workdir)
    if pretrained is None:
        raise ValueError("strategies need a stage 1: set alignment.initialization=pretraining")
    folder = workdir / FOLDER
    experiment = choosing_run.Experiment(shared, pretrained, faces, design, folder / "trainings")
    planned = len(design.rows) * len(design.budgets) * design.draws
    outcomes: list[choosing_run.Outcome] = []
    text = ""
    for draw in range(design.draws):
        for row in design.rows:
            outcomes += experiment.outcomes(row, draw)
            text = choosing_results.write(folder, outcomes, planned)
    if options.pictures:
        picture = choosing_pictures.first_choices(
            outcomes, faces.pool, shared.crop, design.counts[0]
        )
        atomic.write_png(folder / "first_choices.png", picture)
    return text
