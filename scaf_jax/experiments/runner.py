"""Runs the trials of a table one after the other; what is done is not done again."""

import pathlib
import shutil

import jax
import ml_collections
from absl import logging

from scaf_jax.active_learning import round_report, rounds, selections
from scaf_jax.experiments import results
from scaf_jax.experiments.trials import Trial
from scaf_jax.files import atomic, strict_json
from scaf_jax.runs import identity, resolve, stage1, stages
from scaf_jax.runs.run import Run
from scaf_jax.training import metric_files, sharding

ConfigDict = ml_collections.ConfigDict

_SETTINGS_FILE = "trial.json"


def run(config: ConfigDict, table: str, planned: list[Trial], workdir: pathlib.Path) -> str:
    """Does what is missing of a table, which is written anew after each trial.

    Args:
      config: What all trials share; stage 1 is trained with it once, in `WORKDIR/pretraining`,
        unless it names another run.
      table: Name of the table.
      planned: Its trials.
      workdir: The experiments' folder.

    Returns:
      The table, for a terminal.
    """
    _, pretrained = stages.ensure_pretraining(resolve.resolve(config), workdir)
    folder = workdir / table
    done: list[results.Result] = []
    text = ""
    for number, trial in enumerate(planned, start=1):
        target = folder / trial.name
        own = _run_of(config, trial, pretrained)
        _claim(target, own)
        if not (target / "report.md").is_file() and not _is_evaluated(target):
            logging.info("trial %d of %d: %s", number, len(planned), trial.name)
            if trial.is_active:
                if jax.process_index() == 0:
                    _share_first_round(folder, planned[: number - 1], trial)
                sharding.synchronize(trial.name)
            work = rounds.run if trial.is_active else stages.run
            work(own, str(target))
        done.append(_read(trial, target))
        if jax.process_index() == 0:
            text = results.write(folder, table, done, len(planned))
    return text


def _run_of(config: ConfigDict, trial: Trial, pretrained: stage1.Stage1 | None) -> Run:
    """Returns the trial's own run."""
    own = config.copy_and_resolve_references()
    own.unlock()
    own.pretraining.run = "" if pretrained is None else pretrained.name
    own.update_from_flattened_dict(trial.edits)
    own.lock()
    return resolve.resolve(own)


def _claim(target: pathlib.Path, own: Run) -> None:
    """Notes the settings of a trial in its folder, or compares them with those noted there.

    Raises:
      identity.RunMismatchError: The folder holds a trial with other settings.
    """
    settings = dict(own.landmark_stage().stage.binding)
    settings |= {
        f"{name}.{key}": value
        for name in ("active_learning", "evaluation")
        for key, value in own.config[name].items()
    }
    wanted = {"stage": "trial", "settings": atomic.plain(settings)}
    path = target / _SETTINGS_FILE
    if path.is_file():
        saved = strict_json.read_json(path)
        identity.check_same_run(saved, wanted, target)
    elif jax.process_index() == 0:
        target.mkdir(parents=True, exist_ok=True)
        atomic.write_json(path, wanted)


def _share_first_round(folder: pathlib.Path, earlier: list[Trial], trial: Trial) -> None:
    """Copies round 0 of another strategy: it is the same for all strategies of a seed.

    The copy is compared with this trial's settings when it is opened.
    """
    target = selections.round_folder(folder / trial.name, 0)
    if target.exists():
        return
    for other in earlier:
        source = selections.round_folder(folder / other.name, 0)
        same = (other.model, other.seed) == (trial.model, trial.seed)
        if other.is_active and same and (source / "report" / "report.md").is_file():
            temporary = target.with_name("round_0.copying")
            shutil.rmtree(temporary, ignore_errors=True)
            shutil.copytree(source, temporary)
            temporary.rename(target)
            return


def _is_evaluated(target: pathlib.Path) -> bool:
    return (target / "report" / "report.md").is_file()


def _read(trial: Trial, target: pathlib.Path) -> results.Result:
    if not trial.is_active:
        lines = metric_files.read_scalars(target / "alignment" / metric_files.SCALARS_FILE)
        seconds = metric_files.training_seconds(lines)
        return results.Result(trial, round_report.read_errors(target), {}, seconds)
    curve, labels, number = {}, 0, 0
    while (selection := selections.read(selections.round_folder(target, number))) is not None:
        labels += len(selection.keys)
        errors = round_report.read_errors(selections.round_folder(target, number))
        if errors:
            curve[labels] = errors
        number += 1
    return results.Result(trial, curve[labels], curve)
