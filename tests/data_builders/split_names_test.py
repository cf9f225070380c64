"""Tests of what names say about splits."""

import pytest

from data_builders import split_names

UNDERSTOOD = {
    "train": (
        "train Train TRAIN trainset TrainSet training Training train2017 train_2017 train_v2 trn "
        "my_train mytrain person_keypoints_train2017 face_landmarks_train train-images traindata "
        "Training_Set train01 _train_annotations.coco 300w_train wflw_train"
    ),
    "val": (
        "val Val VAL valid Valid validation Validation val2017 valset validset kpts_val2017 "
        "validate"
    ),
    "test": "test Test testset testing Testing test2017 test_set PublicTest testimages my_test tst",
    "test_hard": "test_hard Test-Hard my_test_hard TestHard test_hard_2017 test_set_hard",
    "test_v2": "test_v2 test-V2",
    "test_2": "test2 test_2 test(2)",
    "val_night": "val_night valid-night",
}
UNCLEAR = (
    "trainval train_val train_test_split eval evaluation dev holdout tset trian traning "
    "validtest Hold-Out held_out minival2014 tr te validaton Evaluation_Set test_train "
    "fold1 kfold_3 Folds labels_te photos-tr entrenamiento Prueba validação testowy "
    "Eğitim 評価 训练 テスト集 тестовые"
)
NONE = (
    "images photos latest contest brightest constrained portrait values valentina valley festival "
    "interval strain trainer attest testament retest carnival a b 2017 person_001 tree tea best "
    "west brain unfold tea_a trip afw ibug helen restrain terrain evan devon",
    "",
    "学习",
)


@pytest.mark.parametrize(("split", "names"), UNDERSTOOD.items(), ids=UNDERSTOOD)
def test_names_that_say_a_split(split, names):
    assert {name: split_names.split_of(name) for name in names.split()} == dict.fromkeys(
        names.split(), split
    )


@pytest.mark.parametrize("name", UNCLEAR.split())
def test_names_that_look_like_a_split_and_are_unclear(name):
    with pytest.raises(
        split_names.UnclearSplitError, match="call it train, val, test or test_NAME"
    ):
        split_names.split_of(name)


def test_other_names():
    names = [word for text in NONE for word in (text.split() or [text])]
    assert {name: split_names.split_of(name) for name in names} == dict.fromkeys(names)


@pytest.mark.parametrize(
    ("path", "split"),
    [
        ("helen/trainset", "train"),
        ("images/val2017", "val"),
        ("train_test_split/test", "test"),
        ("test/test_hard", "test_hard"),
        ("a/b", None),
        ("", None),
    ],
)
def test_folders_of_a_path(path, split):
    assert split_names.split_of_path(path.split("/")) == split


@pytest.mark.parametrize("path", ["train/test", "train/val_1", "trainval/x", "dev"])
def test_folders_that_contradict_each_other(path):
    with pytest.raises(split_names.UnclearSplitError):
        split_names.split_of_path(path.split("/"))


def test_everything_but_train_is_held_out():
    assert [
        split_names.is_held_out(x) for x in ("train", "val", "test", "test_a", "validation")
    ] == [
        False,
        *[True] * 4,
    ]
