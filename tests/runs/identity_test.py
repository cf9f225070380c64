"""Tests of what makes a run the same run."""

import json
import pathlib

import pytest

from scaf_jax import default_config
from scaf_jax.landmarks import scheme_files, schemes
from scaf_jax.runs import identity, resolve

SCHEME = {
    "name": "mine",
    "landmarks": ["left_eye", "right_eye", "nose"],
    "flip_pairs": [["left_eye", "right_eye"]],
    "normalizer": ["left_eye", "right_eye"],
}


def _metadata(path: pathlib.Path, **changes):
    path.write_text(json.dumps(SCHEME | changes))
    config = default_config.get_config()
    config.data.scheme = str(path)
    return _of(config)


def _of(config):
    run = resolve.resolve(config)
    return identity.metadata(run, run.alignment.stage)


def test_a_scheme_of_ones_own_is_stored_whole(tmp_path):
    stored = json.loads(json.dumps(_metadata(tmp_path / "a.json")))
    scheme = scheme_files.scheme_from_dict(stored["scheme"], "checkpoint").scheme
    assert scheme.landmark_names == ("left_eye", "right_eye", "nose")


def test_the_place_of_a_scheme_does_not_matter_but_what_it_says(tmp_path):
    first = _metadata(tmp_path / "a.json")
    identity.check_same_run(first, _metadata(tmp_path / "b.json"), tmp_path)
    other = _metadata(tmp_path / "b.json", flip_pairs=[["left_eye", "nose"]])
    with pytest.raises(identity.RunMismatchError, match=r"data\.scheme was 'mine \("):
        identity.check_same_run(first, other, tmp_path)


def test_a_checkpoint_from_before_the_skips_gains_is_one_with_fixed_gains(tmp_path):
    config = default_config.get_config()
    wanted = _of(config)
    older = json.loads(json.dumps(wanted))
    newer = ("skip_gain", "path_start", "skip_gain_rate", "gradient_clip", "augmentation.border")
    for name in newer:
        del older["settings"][f"stage.{name}"]
    with pytest.raises(identity.RunMismatchError, match="skip_gain was 'fixed', is 'learned'"):
        identity.check_same_run(older, wanted, tmp_path)
    config.alignment.skip_gain = "fixed"
    wanted = _of(config)
    identity.check_same_run(older, wanted, tmp_path)


def test_a_built_in_scheme_goes_by_its_name():
    assert identity.scheme_identity(schemes.IBUG68) == "ibug68"
    assert _of(default_config.get_config())["settings"]["data.scheme"] == "ibug68"
