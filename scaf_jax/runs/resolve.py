"""From a config to a run: once, at the start, so that nothing fails late or is never noticed."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import ml_collections
from flax import nnx

from scaf_jax import default_config
from scaf_jax.choosing import plan
from scaf_jax.data import augmentations, geometry, prepared_sources
from scaf_jax.landmarks import heatmaps, normalizers, scheme_files, schemes
from scaf_jax.models import adversarial_autoencoder, aligner
from scaf_jax.runs import config_checks, identity
from scaf_jax.runs.config_rules import pretraining as pretraining_rules
from scaf_jax.runs.faces import Faces
from scaf_jax.runs.run import Alignment, Evaluation, Loader, Pretraining, Run, Stage
from scaf_jax.training import alignment, pretraining, pretraining_terms, sharding, state
from scaf_jax.weights import header

ConfigDict = ml_collections.ConfigDict
Architecture = aligner.Architecture | adversarial_autoencoder.Architecture
# Parameters and running statistics to the state at step 0.
Start = Callable[[Any, Any], state.TrainState]


def resolve(config: ConfigDict) -> Run:
    """Checks a config and returns the run that it describes.

    Args:
      config: From a config file; see `default_config`. It is not kept.

    Raises:
      ValueError: A setting does not fit; the message names its field.
      DataNotPreparedError: The data set is to say how its faces are marked, but is not prepared;
        the message has the command.
    """
    config = config.copy_and_resolve_references()
    config_checks.check(config)
    scheme = _scheme(config)
    trains_own = pretraining_rules.is_trained(config)
    starts_from_stage1 = config.alignment.initialization == "pretraining"
    return Run(
        seed=config.seed,
        scheme=scheme,
        crop=_crop(config),
        faces=_faces(config),
        loader=Loader(**config.loader.to_dict()),
        mesh=sharding.make_mesh(config.mesh.data, config.mesh.fsdp),
        model={name: config[name] for name in header.MODEL_FIELDS},
        stage1=config.pretraining.run if starts_from_stage1 else "",
        pretraining=_pretraining(config, scheme) if trains_own else None,
        alignment=_alignment(config, scheme) if config.alignment.steps else None,
        evaluation=_evaluation(config.evaluation),
        rounds=_rounds(config.active_learning),
        config=config.to_dict(),
    )


def resolve_kept(values: Mapping[str, Any]) -> Run:
    """Returns the run of a config that a run's folder keeps, on this machine's devices.

    Args:
      values: Plain values; settings that did not exist at the time are as in `default_config`.

    Raises:
      ValueError, DataNotPreparedError: As `resolve`.
    """
    complete = default_config.get_config()
    here = complete.mesh.to_dict()
    return resolve(ConfigDict(_merged(complete.to_dict(), values) | {"mesh": here}))


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    both = {**below, **above}
    nested = [name for name in below if isinstance(below[name], dict) and name in above]
    return both | {name: _merged(below[name], above[name]) for name in nested}


def _scheme(config: ConfigDict) -> schemes.LandmarkScheme:
    """Returns the landmark scheme, after a look at whether errors can be normalized with it."""
    field = "data.scheme"
    try:
        found = _named_scheme(config.data)
        field = "evaluation.normalizer"
        normalizers.needed_landmarks(found, config.evaluation.normalizer)
    except ValueError as error:
        raise ValueError(f"{field}: {error}") from error
    return found


def _named_scheme(data: ConfigDict) -> schemes.LandmarkScheme:
    """A built-in scheme, a file's, or the data set's own."""
    if data.scheme.endswith(".json"):
        return scheme_files.read_scheme(data.scheme).scheme
    if data.scheme:
        return schemes.get_scheme(data.scheme)
    own = prepared_sources.prepared_metadata(data.name, data_dir=data.data_dir).get("scheme")
    if own is None:
        known = ", ".join(scheme.name for scheme in schemes.SCHEMES)
        raise ValueError(
            f"data set '{data.name}' does not say how its faces are marked: set data.scheme to "
            f"one of {known}, or to the path of a scheme's .json"
        )
    return scheme_files.scheme_from_dict(own, f"data set '{data.name}'").scheme


def _crop(config: ConfigDict) -> geometry.CropSettings:
    return _filled(geometry.CropSettings, config.data, input_size=config.input_size)


def _faces(config: ConfigDict) -> Faces:
    found: dict[str, Any] = {}
    for section in (config.data, config.alignment, config.pretraining):
        names = [field.name for field in dataclasses.fields(Faces) if field.name in section]
        found |= {name: section[name] for name in names}
    found["unlabeled_box"] = tuple(config.pretraining.unlabeled_box)
    return Faces(**found, test_splits=tuple(config.evaluation.splits))


def _evaluation(section: ConfigDict) -> Evaluation:
    lists = {name: tuple(section[name]) for name in ("boxes", "thresholds")}
    return _filled(Evaluation, section, **lists)


def _rounds(section: ConfigDict) -> plan.Plan | None:
    return plan.make(**section.to_dict()) if section.strategy else None


def _pretraining(config: ConfigDict, scheme: schemes.LandmarkScheme) -> Pretraining:
    section = config.pretraining
    settings = _filled(pretraining_terms.PretrainingSettings, section)
    architecture = adversarial_autoencoder.Architecture(
        input_size=config.input_size,
        width_multiplier=config.width_multiplier,
        compute_dtype=config.compute_dtype,
        guided=bool(section.guide_weight),
    )
    start = functools.partial(
        pretraining.start_state, optimizers_=pretraining.build_optimizers(settings)
    )
    stage = _stage(config, "pretraining", scheme, architecture, start)
    return Pretraining(stage, settings, architecture)


def _alignment(config: ConfigDict, scheme: schemes.LandmarkScheme) -> Alignment:
    section = config.alignment
    settings = _filled(alignment.AlignmentSettings, section)
    common = {"input_size": config.input_size}
    architecture = _filled(
        aligner.Architecture,
        section,
        **common,
        num_landmarks=scheme.num_landmarks,
        width_multiplier=config.width_multiplier,
        compute_dtype=config.compute_dtype,
    )
    codec = _filled(
        heatmaps.HeatmapCodec, section, **common, pixel_convention=config.data.pixel_convention
    )
    start = functools.partial(alignment.start_state, settings=settings)
    stage = _stage(config, "alignment", scheme, architecture, start)
    return Alignment(stage, settings, architecture, codec)


def _stage(
    config: ConfigDict,
    name: str,
    scheme: schemes.LandmarkScheme,
    architecture: Architecture,
    start: Start,
) -> Stage:
    """Returns a stage; every parameter of its network has an optimizer, or this raises."""
    section = config[name]
    graphdef, params, batch_stats = _definition(architecture)
    augmentation = _filled(
        augmentations.AugmentationSettings,
        section.augmentation,
        scale=tuple(section.augmentation.scale),
    )
    return _filled(
        Stage,
        section,
        name=name,
        augmentation=augmentation,
        binding=identity.binding_settings(config.to_dict(), name, scheme),
        graphdef=graphdef,
        init=functools.partial(_init, architecture, start, config.seed),
        abstract=jax.eval_shape(start, params, batch_stats),
    )


def _init(architecture: Architecture, start: Start, seed: int) -> state.TrainState:
    _, params, batch_stats = state.split(architecture.build(seed))
    return start(params, batch_stats)


# The trials of an experiment have few architectures, and to trace one takes seconds.
@functools.lru_cache(maxsize=16)
def _definition(architecture: Architecture) -> tuple[nnx.GraphDef[Any], Any, Any]:
    return state.definition(architecture.build)


def _filled(cls: type[Any], section: ConfigDict, **others: Any) -> Any:
    """Returns a dataclass whose fields are those given, and the section's of the same name."""
    names = [field.name for field in dataclasses.fields(cls)]
    return cls(**{name: section[name] for name in names if name not in others}, **others)
