"""Rules for `active_learning`."""

from collections.abc import Iterator

import ml_collections

from scaf_jax.choosing import plan, strategies
from scaf_jax.runs.config_rules.rule import COUNT, FLAG, SEED, STEPS, one_of, parsed

FIELDS = {
    "strategy": parsed("the name of a strategy, or empty", strategies.strategy),
    "budget": COUNT,
    "initial": COUNT,
    "per_round": STEPS,
    "start": one_of(plan.STARTS),
    "seed": SEED,
    "oracle": one_of(plan.ORACLES),
    "pool": one_of(plan.POOLS),
    "train_every_round": FLAG,
    "distinct": FLAG,
}


def problems(config: ml_collections.ConfigDict) -> Iterator[str]:
    """Yields what does not fit each other."""
    section = config.active_learning
    if not section.strategy:
        return
    if section.pool == plan.UNLABELED and not (config.evaluation.splits or config.data.scheme):
        yield (
            "data.scheme is empty, and photos without labels do not say which landmarks you want: "
            "give it the path of a scheme.json (data_builders/landmarks_folder/README.md), ibug68 "
            "or wflw98"
        )
    if config.alignment.steps < 1:
        yield "alignment.steps must be 1 or more for the rounds of active_learning.strategy"
    try:
        plan.make(**section.to_dict())
    except ValueError as error:
        yield str(error)
