"""From a config to the plain settings that everything below takes."""

import dataclasses
import fnmatch
from typing import Any

import ml_collections
from absl import logging

from scaf_jax.data import (
    augmentations,
    folder_source,
    geometry,
    mixture_parts,
    mixtures,
    photo_scan,
    prepared_sources,
    sources,
)
from scaf_jax.inference import one_pass
from scaf_jax.landmarks import heatmaps, normalizers, scheme_files, schemes
from scaf_jax.models import aligner
from scaf_jax.runs import config_checks
from scaf_jax.training import alignment, pretraining_terms, sharding

ConfigDict = ml_collections.ConfigDict


def scheme(config: ConfigDict) -> schemes.LandmarkScheme:
    """Returns the landmark scheme: a built-in one, a file's, or the data set's own.

    Raises:
      ValueError: It is unknown, its file is wrong, or the data set has none of its own.
      DataNotPreparedError: The data set is asked but not prepared; the message has the command.
    """
    data = config.data
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


def crop(config: ConfigDict, box: geometry.BoxKind | None = None) -> geometry.CropSettings:
    """Returns how faces are cut out, from the configured box or another one."""
    data = config.data
    return geometry.CropSettings(
        input_size=config.input_size,
        margin_top=data.margin_top,
        margin_bottom=data.margin_bottom,
        margin_left=data.margin_left,
        margin_right=data.margin_right,
        box=box or data.box,
        pixel_convention=data.pixel_convention,
    )


def codec(config: ConfigDict) -> heatmaps.HeatmapCodec:
    """Returns the heatmap codec."""
    return heatmaps.HeatmapCodec(
        input_size=config.input_size,
        heatmap_size=config.alignment.heatmap_size,
        sigma=config.alignment.sigma,
        support=config.alignment.support,
        rounding=config.alignment.rounding,
        blur_size=config.alignment.blur_size,
        pixel_convention=config.data.pixel_convention,
    )


def architecture(config: ConfigDict) -> aligner.Architecture:
    """Returns which landmark network it is; raises as `scheme`."""
    return aligner.Architecture(
        input_size=config.input_size,
        heatmap_size=config.alignment.heatmap_size,
        num_landmarks=scheme(config).num_landmarks,
        skips=config.alignment.skips,
        skip_gain=config.alignment.skip_gain,
        width_multiplier=config.width_multiplier,
        compute_dtype=config.compute_dtype,
    )


def pass_settings(config: ConfigDict) -> one_pass.PassSettings:
    """Returns how a pass over faces uses the machine."""
    return one_pass.PassSettings(
        sharding.make_mesh(config.mesh.data, config.mesh.fsdp),
        config.evaluation.batch_size,
        config.loader.num_threads,
    )


def augmentation(section: ConfigDict) -> augmentations.AugmentationSettings:
    """Returns the augmentation of a stage's section."""
    values = section.augmentation.to_dict()
    return augmentations.AugmentationSettings(**(values | {"scale": tuple(values["scale"])}))


def pretraining_settings(config: ConfigDict) -> pretraining_terms.PretrainingSettings:
    """Returns the settings of stage 1's training step."""
    return _fill(pretraining_terms.PretrainingSettings, config.pretraining)


def alignment_settings(config: ConfigDict) -> alignment.AlignmentSettings:
    """Returns the settings of stage 2's training step."""
    return _fill(alignment.AlignmentSettings, config.alignment)


def compute_dtype(config: ConfigDict) -> str | None:
    """Returns the dtype to compute in; None is the parameters' own (float32)."""
    dtypes = config_checks.DTYPES
    if config.compute_dtype not in dtypes:
        raise ValueError(f"compute_dtype must be one of {dtypes}, not '{config.compute_dtype}'")
    return None if config.compute_dtype == "float32" else config.compute_dtype


def split_source(config: ConfigDict, split: str) -> prepared_sources.PreparedSource:
    """Opens a split. Raises DataNotPreparedError with the command that prepares it."""
    data = config.data
    return prepared_sources.open_source(
        data.name, data_dir=data.data_dir, split=split, landmarks_feature=data.landmarks_feature
    )


def test_split_names(config: ConfigDict) -> list[str]:
    """Returns the test sets that the config names, in its order.

    Of a pattern, such as `test*`, these are the splits that the prepared data have but for the one
    that is trained on; the pattern itself where there are none.

    Raises:
      DataNotPreparedError: The data set is not prepared.
    """
    data, names = config.data, []
    for given in config.evaluation.splits:
        if "*" not in given:
            names.append(given)
            continue
        known = prepared_sources.split_names(data.name, data_dir=data.data_dir)
        found = [x for x in fnmatch.filter(known, given) if x != data.train_split]
        names += found or [given]
    found = [name for name in names if "*" not in name]
    return list(dict.fromkeys(found or names))


def test_sources(config: ConfigDict) -> dict[str, sources.Source]:
    """Opens the test sets that the config names, in its order: their faces that have landmarks.

    Those that the prepared data lack, or that have no landmarks, are left out with a warning: of a
    published subset a user may have no face.

    Raises:
      DataNotPreparedError: The data set is not prepared.
      MissingSplitError: It has none of the test sets.
      ValueError: None of the test sets has a face with landmarks.
    """
    found: dict[str, sources.Source] = {}
    missing: list[ValueError] = []
    for split in test_split_names(config):
        try:
            found[split] = labelled_source(config, split)
        except (prepared_sources.MissingSplitError, NoLabelsError) as error:
            missing.append(error)
    if missing and not found:
        raise missing[0]
    for error in missing:
        logging.warning("%s This test set is left out.", error)
    return found


class NoLabelsError(ValueError):
    """Not one face of a split has landmarks."""


def labelled_source(config: ConfigDict, split: str) -> sources.Source:
    """Returns the faces of a split of which at least one landmark is known; see `split_source`.

    Raises:
      NoLabelsError: There are none.
    """
    every = split_source(config, split)
    labelled = every.labelled()
    if not len(labelled):
        raise NoLabelsError(
            f"{every}: not one of its {len(every)} faces has a known landmark, so that nothing can "
            "be learned from them or measured on them; give them landmarks, or leave the split out."
        )
    if len(labelled) < len(every):
        logging.warning(
            "%s: %d of %d faces have no known landmark and do not count as labelled",
            every,
            len(every) - len(labelled),
            len(every),
        )
    return labelled


def labeled_source(config: ConfigDict) -> sources.SubsetSource:
    """Returns the training faces whose labels may be used; raises as `labelled_source`."""
    train = labelled_source(config, config.data.train_split)
    section = config.alignment
    chosen = sources.label_subset(
        len(train), section.num_labels or None, section.label_subset, section.label_seed
    )
    return sources.SubsetSource(train, chosen)


def photo_source(config: ConfigDict) -> folder_source.FolderSource:
    """Returns the user's own photos. Raises ValueError where the config names no folder."""
    section = config.pretraining
    if not section.unlabeled_dir:
        raise ValueError("set pretraining.unlabeled_dir to a folder of photos")
    return folder_source.FolderSource(
        section.unlabeled_dir,
        relative_box=section.unlabeled_box,
        boxes_csv=section.unlabeled_boxes_csv or None,
        on_error=section.on_error,
        cache=photo_scan.cache_below(config.data.data_dir),
    )


def unlabeled_source(
    config: ConfigDict,
) -> sources.ConcatenatedSource | mixtures.MixedSource:
    """Returns what stage 1 learns from: the mixture, or unlabeled photos and training images.

    Raises:
      ValueError: The config names none of them, or a mixture that is none.
    """
    section, parts = config.pretraining, []
    if section.mixture:
        return mixture_parts.open_mixture(
            section.mixture,
            data_dir=config.data.data_dir,
            exclude=section.exclude,
            exclude_file=section.exclude_file,
            relative_box=section.unlabeled_box,
            boxes_csv=section.unlabeled_boxes_csv or None,
            on_error=section.on_error,
        )
    if section.unlabeled_dir:
        parts.append(photo_source(config))
    if section.training_images:
        parts.append(split_source(config, config.data.train_split))
    if not parts:
        raise ValueError(
            "stage 1 has no images: set pretraining.unlabeled_dir to a folder of photos, "
            "pretraining.training_images to True, or pretraining.mixture"
        )
    return sources.ConcatenatedSource(parts)


def _fill(cls: type[Any], section: ConfigDict) -> Any:
    return cls(**{field.name: section[field.name] for field in dataclasses.fields(cls)})


def checked(config: ConfigDict) -> ConfigDict:
    """Returns the config after looking for what would otherwise fail late, or never be noticed.

    Raises:
      ValueError: A setting does not fit; the message names its field.
      DataNotPreparedError: As `scheme`.
    """
    config_checks.check(config)
    field = "data.scheme"
    try:
        marks = scheme(config)
        field = "evaluation.normalizer"
        normalizers.needed_landmarks(marks, config.evaluation.normalizer)
    except ValueError as error:
        raise ValueError(f"{field}: {error}") from error
    return config
