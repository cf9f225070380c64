"""A run: all that its config says, checked and in the form that everything below takes.

`resolve.resolve` makes it, once. Nothing in it changes, and nothing below it sees a config.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
from flax import nnx

from scaf_jax.choosing import plan
from scaf_jax.data import augmentations, geometry
from scaf_jax.inference import one_pass
from scaf_jax.landmarks import heatmaps, schemes
from scaf_jax.models import adversarial_autoencoder, aligner
from scaf_jax.runs.faces import Faces
from scaf_jax.training import alignment, pretraining_terms, profiling, state

ON_DEVICE = AUTO, NEVER, ALWAYS = ("auto", "never", "always")


@dataclasses.dataclass(frozen=True)
class Loader:
    """How faces are read.

    Attributes:
      num_workers: Processes; 0: the training's own, -1: as many as the host needs.
      num_threads: Threads in each.
      on_device: Whether the devices keep a training's faces, one of `ON_DEVICE`.
    """

    num_workers: int
    num_threads: int
    on_device: str


@dataclasses.dataclass(frozen=True)
class Stage:
    """What the trainings of both stages have in common.

    Attributes:
      name: `pretraining` or `alignment`: in configs, folders, metrics and checkpoints.
      steps: Length of the training.
      batch_size: Faces in a global batch.
      log_every: Steps between metrics.
      save_every: Steps between checkpoints.
      on_nonfinite: What to do at a loss that is not finite, see `divergence.Response`.
      roll_back_steps: How many steps to go back then, where it is to.
      augmentation: How training faces are changed.
      binding: The settings that decide what the stage computes; see `identity`.
      graphdef: The network's definition.
      init: Makes the first state, with random weights; deterministic, may be traced.
      abstract: Its shapes and dtypes.
    """

    name: str
    steps: int
    batch_size: int
    log_every: int
    save_every: int
    on_nonfinite: str
    roll_back_steps: int
    augmentation: augmentations.AugmentationSettings
    binding: Mapping[str, Any]
    graphdef: nnx.GraphDef[Any]
    init: Callable[[], state.TrainState]
    abstract: state.TrainState


@dataclasses.dataclass(frozen=True)
class Pretraining:
    """A stage 1 that the run trains itself.

    Attributes:
      stage: What it has in common with stage 2.
      settings: Of its training step.
      architecture: Its networks.
    """

    stage: Stage
    settings: pretraining_terms.PretrainingSettings
    architecture: adversarial_autoencoder.Architecture


@dataclasses.dataclass(frozen=True)
class Alignment:
    """Stage 2.

    Attributes:
      stage: What it has in common with stage 1.
      settings: Of its training step.
      architecture: The landmark network.
      codec: From landmarks to heatmaps and back.
    """

    stage: Stage
    settings: alignment.AlignmentSettings
    architecture: aligner.Architecture
    codec: heatmaps.HeatmapCodec


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """How networks are measured; the test sets are among the run's faces.

    Attributes:
      boxes: Boxes that faces are cut out by, one after the other: of `config_rules` `BOXES`.
      full: What all test sets together are called; empty where that is not wanted.
      decoder: One of `heatmaps.DECODERS`.
      flip: Whether maps of a crop and of its mirror image are averaged.
      normalizer: What errors are divided by, one of `normalizers.NORMALIZERS`.
      thresholds: Failure is a larger error than these, percent.
      batch_size: Faces in a global batch, wherever a trained network looks at faces.
      num_pictures: Faces in a picture.
    """

    boxes: tuple[str, ...]
    full: str
    decoder: str
    flip: bool
    normalizer: str
    thresholds: tuple[float, ...]
    batch_size: int
    num_pictures: int


@dataclasses.dataclass(frozen=True)
class Run:
    """Everything that a run needs to know.

    Attributes:
      seed: Of weights and of the order of faces.
      scheme: What landmarks there are.
      crop: How faces are cut out.
      faces: Which faces.
      loader: How they are read.
      mesh: The devices.
      model: What stage 1 and stage 2 share, as `header.MODEL_FIELDS` name it.
      stage1: The finished stage 1 to start from: a folder, a file or `builtin`; empty where the
        run trains its own or begins with random weights.
      pretraining: The stage 1 that it trains; None where it trains none.
      alignment: Stage 2; None where there is none.
      evaluation: How it is measured.
      rounds: How faces are chosen for annotation; None where they are not.
      config: The whole config as plain values, for reports and checkpoints to tell.
      profile: The steps to profile.
    """

    seed: int
    scheme: schemes.LandmarkScheme
    crop: geometry.CropSettings
    faces: Faces
    loader: Loader
    mesh: jax.sharding.Mesh
    model: Mapping[str, Any]
    stage1: str
    pretraining: Pretraining | None
    alignment: Alignment | None
    evaluation: Evaluation
    rounds: plan.Plan | None
    config: Mapping[str, Any]
    profile: tuple[profiling.Window, ...] = ()

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages that the run trains."""
        return tuple(part.stage for part in (self.pretraining, self.alignment) if part)

    def with_profile(self, windows: Sequence[str]) -> "Run":
        """Returns the run with steps to profile.

        Args:
          windows: As `profiling.parse` reads them; at most one for each stage.

        Raises:
          ValueError: The run does not do these steps; the message names the flag.
        """
        try:
            profile = tuple(map(profiling.parse, windows))
            profiling.check(profile, {stage.name: stage.steps for stage in self.stages})
        except ValueError as error:
            raise ValueError(f"--profile: {error}") from error
        return dataclasses.replace(self, profile=profile)

    @property
    def pass_settings(self) -> one_pass.PassSettings:
        """How a pass over faces uses the machine."""
        return one_pass.PassSettings(self.mesh, self.evaluation.batch_size, self.loader.num_threads)

    def landmark_stage(self) -> Alignment:
        """Returns stage 2, for what cannot do without it.

        Raises:
          ValueError: There is none.
        """
        if self.alignment is None:
            raise ValueError("alignment.steps is 0: this run has no landmark network")
        return self.alignment
