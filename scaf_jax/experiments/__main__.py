"""Makes a table of the paper, with seeds and deviations; run again, it continues.

python -m scaf_jax.experiments table4 --config=configs/active_300w.py:cpu --seeds=3

| table | rows x columns |
|---|---|
| labels | models x numbers of labels |
| table1 | models, all labels |
| table2, table3 | models x numbers of labels, and active learning; on 300-W and WFLW |
| table4 | strategies x final numbers of labels, for each model |
| ablation_schedule | encoder trained from the start or from half of the steps on |
| ablation_skips | no skips, skips with weight 1, with learned gains x numbers of labels |
| choosing | strategies against random, in pairs, with intervals; one process, no checkpoints |

Models: 3fabrec, scaf, and random_weights, SCAF's network trained whole without stage 1. Rates that
were chosen for a model apart: --rates=3fabrec=0.003,random_weights=0.006.
"""

import functools
from collections.abc import Sequence

from absl import app, flags
from ml_collections import config_flags

from scaf_jax.choosing import strategies
from scaf_jax.commands import launch
from scaf_jax.experiments import choosing, runner, trials
from scaf_jax.files import places
from scaf_jax.runs import lock, resolve

_CONFIG = config_flags.DEFINE_config_file("config", None, "Config file; see scaf_jax.main.")
_WORKDIR = flags.DEFINE_string(
    "workdir",
    None,
    "Folder of the experiments; made if missing. If not given: runs/, then the config and _tables.",
)
_SEEDS = flags.DEFINE_integer("seeds", 3, "Number of seeds.", lower_bound=1)
_MODELS = flags.DEFINE_list("models", ["scaf"], f"Of {', '.join(trials.MODELS)}.")
_RATES = flags.DEFINE_list(
    "rates", [], "MODEL=RATE: learning rate of all that trains in a model, not the config's."
)
_STRATEGIES = flags.DEFINE_list("strategies", list(strategies.PAPER), "How faces are chosen.")
_STARTS = flags.DEFINE_list(
    "starts", ["random"], "choosing: how the first faces are drawn, random or typical."
)
_HELD_OUT = flags.DEFINE_integer(
    "held_out",
    0,
    "choosing: evaluate on so many training faces too, that are then not chosen.",
    lower_bound=0,
)
_PICTURES = flags.DEFINE_bool("pictures", False, "choosing: draw the first faces chosen.")
_BUDGETS = flags.DEFINE_list("budgets", ["50"], "Final numbers of labels, active learning.")
_LABELS = flags.DEFINE_list(
    "labels",
    ["all", "20%", "10%", "5%", "50"],
    "Numbers of random labels, or percentages of the training faces.",
)


def main(argv: Sequence[str]) -> int:
    """Runs a table; returns the exit code."""
    if len(argv) != 2:
        tables = ", ".join((*trials.TABLES, choosing.FOLDER))
        raise app.UsageError(f"name one table of {tables}")
    return launch.run(functools.partial(_work, argv[1]))


def _work(table: str) -> str:
    config = _CONFIG.value
    shared = resolve.resolve(config)
    faces = len(shared.faces.labeled(shared.faces.train_split))
    choices = trials.Choices(
        models=tuple(_MODELS.value),
        seeds=_SEEDS.value,
        labels=tuple(_number_of_labels(text, faces) for text in _LABELS.value),
        budgets=tuple(_number_of_labels(text, faces) for text in _BUDGETS.value),
        strategies=tuple(strategies.strategy(name).name for name in _STRATEGIES.value),
        steps=config.alignment.steps,
        learning_rate=config.alignment.learning_rate,
        rates=dict(_model_rate(text) for text in _RATES.value),
    )
    workdir = places.on_disk(str(_WORKDIR.value), "a table")
    if table == choosing.FOLDER:
        options = choosing.Options(
            strategies=choices.strategies,
            starts=tuple(_STARTS.value),
            budgets=choices.budgets,
            draws=choices.seeds,
            held_out=_HELD_OUT.value,
            pictures=_PICTURES.value,
        )
        with lock.only_one(str(workdir)):
            return choosing.run(shared, options, workdir)
    with lock.only_one(str(workdir)):
        text = runner.run(config, table, trials.trials(table, choices), workdir)
    return f"{text}\nTable and plot: {workdir / table}"


def _model_rate(text: str) -> tuple[str, float]:
    """Reads `MODEL=RATE`."""
    model, _, number = text.partition("=")
    try:
        rate = float(number)
    except ValueError:
        rate = 0.0
    if not 0 < rate < 1:
        raise ValueError(f"--rates has '{text}'; it takes MODEL=RATE, such as 3fabrec=0.003")
    return model.strip(), rate


def _number_of_labels(text: str, faces: int) -> int:
    """Reads `all` (0), `5%` of the faces, or a number."""
    word = text.strip()
    if word == "all":
        return 0
    try:
        count = round(faces * float(word[:-1]) / 100) if word.endswith("%") else int(word)
    except ValueError:
        count = 0
    if not 0 < count <= faces:
        raise ValueError(f"'{text}' is no number of labels: there are {faces} faces")
    return count


if __name__ == "__main__":
    launch.start(main, "runs/{}_tables")
