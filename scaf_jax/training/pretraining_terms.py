"""Settings of stage 1, and which terms of its loss have started."""

import dataclasses

from scaf_jax import default_config

OFF = -1
_PUBLISHED = default_config.get_config().pretraining


@dataclasses.dataclass(frozen=True)
class PretrainingSettings:
    """Settings of stage 1. A start step of -1 switches a term off.

    Attributes:
      learning_rate: Adam's rate for encoder, generator and embedding discriminator.
      image_discriminator_rate: Adam's rate for the image discriminator, as a share of that.
      beta1: Adam's first moment decay.
      beta2: Adam's second moment decay.
      schedule: `constant` (published) or `cosine`.
      warmup: Steps in which the rate rises from zero.
      steps: Length of the training, for the schedule.
      embedding_start: First step of the embedding discriminator and its adversary.
      image_start: First step of the image discriminator and its adversary.
      structural_start: First step of the structural loss.
      interpolation_start: First step in which images generated from interpolated pairs of
        embeddings are shown to the image discriminator, too.
      interpolation_weight: Their weight.
      guide_weight: Weight of the squared distance between embeddings and the whitened principal
        components of their crops (`models/embedding_guide.py`); 0, as published, is none.
      dropout: Whether the embedding discriminator drops units out.
    """

    learning_rate: float = _PUBLISHED.learning_rate
    image_discriminator_rate: float = _PUBLISHED.image_discriminator_rate
    beta1: float = _PUBLISHED.beta1
    beta2: float = _PUBLISHED.beta2
    schedule: str = _PUBLISHED.schedule
    warmup: int = _PUBLISHED.warmup
    steps: int = _PUBLISHED.steps
    embedding_start: int = _PUBLISHED.embedding_start
    image_start: int = _PUBLISHED.image_start
    structural_start: int = _PUBLISHED.structural_start
    interpolation_start: int = _PUBLISHED.interpolation_start
    interpolation_weight: float = _PUBLISHED.interpolation_weight
    guide_weight: float = _PUBLISHED.guide_weight
    dropout: bool = _PUBLISHED.dropout


@dataclasses.dataclass(frozen=True)
class Terms:
    """Which terms of the loss have started (static under jit: a change compiles anew)."""

    embedding: bool
    image: bool
    structural: bool
    interpolation: bool


def terms_at(step: int, settings: PretrainingSettings) -> Terms:
    """Returns the terms that have started by step number `step` (from 0)."""

    def started(start: int) -> bool:
        return start != OFF and step >= start

    image = started(settings.image_start)
    return Terms(
        embedding=started(settings.embedding_start),
        image=image,
        structural=started(settings.structural_start),
        interpolation=image and started(settings.interpolation_start),
    )
