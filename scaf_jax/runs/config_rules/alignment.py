"""Rules for `alignment`: stage 2."""

from collections.abc import Iterator

import ml_collections

from scaf_jax.data import sources
from scaf_jax.models import aligner
from scaf_jax.runs.config_rules import stages
from scaf_jax.runs.config_rules.rule import (
    COUNT,
    FLAG,
    RATE,
    SEED,
    STEPS,
    Rule,
    is_int,
    number,
    one_of,
)

INITIALIZATIONS = ("pretraining", "random")

FIELDS = stages.FIELDS | {
    "initialization": one_of(INITIALIZATIONS),
    "skips": FLAG,
    "skip_gain": one_of(aligner.SKIP_GAINS),
    "path_start": one_of(aligner.PATH_STARTS),
    "heatmap_size": COUNT,  # and one that the network has: see below
    "sigma": number(0, above=True),
    "support": number(0, above=True),
    "rounding": FLAG,
    "blur_size": Rule(
        "an odd whole number, 1 or more", lambda x: is_int(x) and x > 0 and x % 2 == 1
    ),
    "num_labels": STEPS,
    "label_subset": one_of(sources.LABEL_SUBSETS),
    "label_seed": SEED,
    "learning_rate": RATE,
    "skip_gain_rate": number(0, above=True),
    "encoder_learning_rate": RATE,
    "generator_learning_rate": RATE,
    "encoder_start": STEPS,
    "train_backbone_norm": FLAG,
    "gradient_clip": RATE,
}


def problems(config: ml_collections.ConfigDict) -> Iterator[str]:
    """Yields what does not fit each other."""
    if config.alignment.steps:
        yield from _problems_of_heatmaps(config)
        yield from _problems_of_rates(config)


def _problems_of_heatmaps(config: ml_collections.ConfigDict) -> Iterator[str]:
    section = config.alignment
    sizes = aligner.heatmap_sizes(config.input_size)
    if section.heatmap_size not in sizes:
        yield (
            f"alignment.heatmap_size must be one of {', '.join(map(str, sizes))} at "
            f"input_size={config.input_size}, not {section.heatmap_size}"
        )
    if section.blur_size > section.heatmap_size:
        yield (
            f"alignment.blur_size={section.blur_size} must be at most alignment.heatmap_size="
            f"{section.heatmap_size}"
        )


def _problems_of_rates(config: ml_collections.ConfigDict) -> Iterator[str]:
    section = config.alignment
    yield from stages.problems_of_warmup("alignment", section.warmup, section.steps)
    if section.encoder_learning_rate:
        if section.encoder_start >= section.steps:
            yield (
                f"alignment.encoder_start={section.encoder_start} must be less than "
                f"alignment.steps={section.steps}; to leave the encoder as it is, set "
                "alignment.encoder_learning_rate=0"
            )
        left = section.steps - section.encoder_start
        name = "alignment.steps - alignment.encoder_start"
        yield from stages.problems_of_warmup("alignment", section.warmup, left, name)
    if not any(section[f"{part}learning_rate"] for part in ("", "encoder_", "generator_")):
        yield "alignment.learning_rate, and encoder's and generator's, are 0: nothing would train"
