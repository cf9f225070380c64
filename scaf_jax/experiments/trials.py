"""Which trainings a table consists of.

Source: SCAF, tables 1 to 4, sec. 3.1 and 4.5.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

# SCAF's network without and with skip connections, and SCAF's trained whole from random weights:
# what stage 1 is worth.
MODELS = ("3fabrec", "scaf", "random_weights")
TABLES = ("labels", "table1", "table2", "table3", "table4", "ablation_schedule", "ablation_skips")


@dataclasses.dataclass(frozen=True)
class Trial:
    """One training, or one run of active learning.

    Attributes:
      row: Row of the table.
      column: Column of the table.
      model: One of `MODELS`.
      seed: Of weights, order of faces and choice.
      edits: Settings that differ from the config's.
    """

    row: str
    column: str
    model: str
    seed: int
    edits: dict[str, Any]

    @property
    def is_active(self) -> bool:
        """Whether labels are chosen in rounds."""
        return bool(self.edits.get("active_learning.strategy"))

    @property
    def name(self) -> str:
        """Folder of the trial, below the table's."""
        words = f"{self.row}/{self.column}/seed_{self.seed}"
        return words.replace(" ", "_").replace("%", "pct").lower()


@dataclasses.dataclass(frozen=True)
class Choices:
    """What the command line chooses.

    Attributes:
      models: Rows.
      seeds: How many seeds; they are 0, 1, ...
      labels: Numbers of labels; 0 is all of them.
      budgets: Final numbers of labels, for active learning.
      strategies: How faces are chosen.
      steps: Length of a training; in the two-step schedule the encoder joins at half of it.
      learning_rate: The config's rate of the landmark path, which is that of everything where a
        network trains from random weights.
      rates: By model, the rate of everything in it that trains, in place of the config's.
    """

    models: tuple[str, ...]
    seeds: int
    labels: tuple[int, ...]
    budgets: tuple[int, ...]
    strategies: tuple[str, ...]
    steps: int
    learning_rate: float
    rates: Mapping[str, float] = dataclasses.field(default_factory=dict)


def trials(table: str, choices: Choices) -> list[Trial]:
    """Returns the trials of a table, one seed after the other.

    Args:
      table: One of `TABLES`.
      choices: Its rows and columns.

    Raises:
      ValueError: There is no such table or model.
    """
    unknown = [model for model in (*choices.models, *choices.rates) if model not in MODELS]
    if unknown:
        raise ValueError(f"there is no model '{unknown[0]}'; there are: {', '.join(MODELS)}")
    makers = {
        "labels": lambda seed: _by_labels(choices, choices.labels, seed),
        "table1": lambda seed: _by_labels(choices, (0,), seed),
        "table2": lambda seed: _with_active(choices, seed),
        "table3": lambda seed: _with_active(choices, seed),
        "table4": lambda seed: _by_strategy(choices, seed),
        "ablation_schedule": lambda seed: _by_schedule(choices, seed),
        "ablation_skips": lambda seed: _by_skips(choices, seed),
    }
    if table not in makers:
        raise ValueError(f"there is no table '{table}'; there are: {', '.join(TABLES)}")
    return [trial for seed in range(choices.seeds) for trial in makers[table](seed)]


def _trial(
    choices: Choices, row: str, column: str, model: str, seed: int, edits: dict[str, Any]
) -> Trial:
    common = {
        "seed": seed,
        "alignment.label_subset": "random",
        "alignment.label_seed": seed,
        "active_learning.seed": seed,
    }
    return Trial(row, column, model, seed, common | _model(choices, model) | edits)


def _model(choices: Choices, model: str) -> dict[str, Any]:
    """Returns the settings that make a model of a config."""
    edits: dict[str, Any] = {"alignment.skips": model != "3fabrec"}
    rate = choices.rates.get(model)
    if model == "random_weights":
        rate = rate or choices.learning_rate
        edits |= {
            "alignment.initialization": "random",
            "alignment.generator_learning_rate": rate,
            "alignment.train_backbone_norm": True,
        }
    if rate:
        edits |= {"alignment.learning_rate": rate, "alignment.encoder_learning_rate": rate}
    return edits


def _by_labels(choices: Choices, labels: Sequence[int], seed: int) -> list[Trial]:
    return [
        _trial(choices, model, _column(count), model, seed, _labels(count))
        for model in choices.models
        for count in labels
    ]


def _labels(count: int) -> dict[str, Any]:
    return {"active_learning.strategy": "", "alignment.num_labels": count}


def _column(count: int) -> str:
    return str(count) if count else "all"


def _with_active(choices: Choices, seed: int) -> list[Trial]:
    """Random labels for each model, then active learning for the last of them, as in the paper."""
    model = choices.models[-1]
    return _by_labels(choices, choices.labels, seed) + [
        _active(choices, f"{model} + {strategy}", model, strategy, budget, seed)
        for strategy in choices.strategies
        for budget in choices.budgets
    ]


def _by_strategy(choices: Choices, seed: int) -> list[Trial]:
    return [
        _active(choices, f"{model} {strategy}", model, strategy, budget, seed)
        for model in choices.models
        for strategy in choices.strategies
        for budget in choices.budgets
    ]


def _active(choices: Choices, row: str, model: str, strategy: str, budget: int, seed: int) -> Trial:
    edits = {
        "active_learning.strategy": strategy,
        "active_learning.budget": budget,
        # The random choice does not look at networks: only the last is needed.
        "active_learning.train_every_round": False,
    }
    return _trial(choices, row, str(budget), model, seed, edits)


def _by_schedule(choices: Choices, seed: int) -> list[Trial]:
    """Encoder and landmark path together, against the landmark path alone at first."""
    return [
        _trial(
            choices,
            f"{model} {name}",
            _column(count),
            model,
            seed,
            _labels(count) | {"alignment.encoder_start": start},
        )
        for model in choices.models
        for name, start in (("direct", 0), ("two-step", choices.steps // 2))
        for count in choices.labels
    ]


def _by_skips(choices: Choices, seed: int) -> list[Trial]:
    """No skips (3FabRec), skips with weight 1 as the paper is written, and with learned gains.

    The rates are those of `scaf` in all three, so that only the skips differ.
    """
    forms = {
        "no skips": {"alignment.skips": False},
        "fixed gain": {"alignment.skip_gain": "fixed"},
        "learned gain": {"alignment.skip_gain": "learned"},
    }
    return [
        _trial(choices, row, _column(count), "scaf", seed, _labels(count) | edits)
        for row, edits in forms.items()
        for count in choices.labels
    ]
