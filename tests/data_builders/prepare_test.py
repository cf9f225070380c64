"""Tests of the command that prepares data sets."""

import pathlib
import types

import numpy as np
import pytest
import tensorflow_datasets as tfds

from data_builders import prepare


class _Builder(tfds.core.GeneratorBasedBuilder):
    """Three numbers, in two forms."""

    name = "numbers"
    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = [tfds.core.BuilderConfig(name="plain"), tfds.core.BuilderConfig(name="tiny")]
    runs = 0
    numbers = (0, 1, 2)

    def _info(self):
        features = tfds.features.FeaturesDict({"number": tfds.features.Scalar(dtype=np.int32)})
        return tfds.core.DatasetInfo(builder=self, features=features)

    def _split_generators(self, dl_manager):
        type(self).runs += 1
        return {"train": self._generate_examples()}

    def _generate_examples(self):
        for i in self.numbers:
            yield i, {"number": i}


@pytest.fixture
def numbers(monkeypatch):
    """A builder that the command takes for one of the project's."""
    _Builder.runs = 0
    monkeypatch.setattr(prepare, "known_names", lambda: ["numbers"])
    module = types.SimpleNamespace(Builder=_Builder)
    only_here = types.SimpleNamespace(import_module=lambda name: module)
    monkeypatch.setattr(prepare, "importlib", only_here)


def test_prepares_once(numbers, tmp_path, capsys):
    arguments = ["numbers", f"--data_dir={tmp_path}", "--builder_config=tiny"]
    assert prepare.main(arguments) == 0
    folder = tmp_path / "numbers" / "tiny" / "1.0.0"
    assert f"numbers/tiny/1.0.0 (train 3) in {folder} is ready." in capsys.readouterr().out
    assert list(folder.glob("*.array_record*"))

    assert prepare.main(arguments) == 0
    assert "is there already (--overwrite" in capsys.readouterr().out
    assert _Builder.runs == 1

    assert prepare.main([*arguments, "--overwrite"]) == 0
    assert "is ready." in capsys.readouterr().out
    assert _Builder.runs == 2


def test_a_form_may_be_named_as_configs_name_it(numbers, tmp_path, capsys):
    assert prepare.main(["numbers/tiny", f"--data_dir={tmp_path}"]) == 0
    assert (tmp_path / "numbers" / "tiny" / "1.0.0").is_dir()
    assert prepare.main(["numbers/tiny", f"--data_dir={tmp_path}", "--builder_config=tiny"]) == 0
    assert "is there already" in capsys.readouterr().out
    for arguments, words in (
        (
            ["numbers/tiny", "--builder_config=plain"],
            "names another form than --builder_config=plain",
        ),
        (["numbers/huge"], "no form 'huge'"),
        (["numbers/"], "no form ''"),
    ):
        assert prepare.main([*arguments, f"--data_dir={tmp_path}"]) == 1
        assert words in capsys.readouterr().err


def _fails():
    yield 7
    raise ValueError("the disk is full")


def test_what_is_prepared_stays_until_the_new_is_complete(numbers, tmp_path, monkeypatch):
    arguments = ["numbers", f"--data_dir={tmp_path}", "--builder_config=tiny"]
    assert prepare.main(arguments) == 0
    parent = tmp_path / "numbers" / "tiny"

    def stored():
        assert [path.name for path in parent.iterdir() if path.is_dir()] == ["1.0.0"]
        source = tfds.builder_from_directory(parent / "1.0.0").as_data_source(split="train")
        return sorted(int(example["number"]) for example in source)

    monkeypatch.setattr(_Builder, "numbers", _fails())
    assert prepare.main([*arguments, "--overwrite"]) == 1
    assert stored() == [0, 1, 2]
    monkeypatch.setattr(_Builder, "numbers", (8, 9))
    assert prepare.main([*arguments, "--overwrite"]) == 0
    assert stored() == [8, 9]


def test_the_home_folder_may_be_abbreviated(numbers, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    prepare.prepare("numbers", data_dir="~/faces")
    assert (tmp_path / "faces" / "numbers" / "plain" / "1.0.0").is_dir()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing"], "error: no data set is called 'nothing'; known: numbers"),
        (["numbers", "--builder_config=huge"], "no form 'huge'; known: plain, tiny"),
        (["numbers", "--strict"], "does not take --strict"),
    ],
)
def test_wrong_arguments_are_explained(numbers, tmp_path, capsys, arguments, message):
    assert prepare.main([*arguments, f"--data_dir={tmp_path}"]) == 1
    assert message in capsys.readouterr().err


def test_downloads_must_be_given_and_be_there(tmp_path):
    with pytest.raises(prepare.UsageError, match=r"needs --manual_dir=FOLDER\.\nDownload AFW"):
        prepare.prepare("the300w", data_dir=str(tmp_path))
    with pytest.raises(prepare.UsageError, match="nowhere is not a folder"):
        prepare.prepare("the300w", data_dir=str(tmp_path), manual_dir=str(tmp_path / "nowhere"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(prepare.UsageError, match="empty is empty"):
        prepare.prepare("the300w", data_dir=str(tmp_path), manual_dir=str(tmp_path / "empty"))


def test_every_folder_of_builders_is_known(repository):
    folders = {
        path.parent.name
        for path in pathlib.Path(repository, "data_builders").glob("*/*_dataset_builder.py")
    }
    assert set(prepare.known_names()) == folders >= {"the300w"}
