"""Settings of stage 1, and which terms of its loss have started."""

import dataclasses

OFF = -1


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

    learning_rate: float = 2e-5
    image_discriminator_rate: float = 0.5
    beta1: float = 0.0
    beta2: float = 0.999
    schedule: str = "constant"
    warmup: int = 0
    steps: int = 1
    embedding_start: int = 0
    image_start: int = 0
    structural_start: int = 0
    interpolation_start: int = OFF
    interpolation_weight: float = 0.25
    guide_weight: float = 0.0
    dropout: bool = True


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
