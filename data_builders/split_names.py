"""What names of folders, files, photos and table cells say about splits: one rule for all sets.

`Train`, `trainset`, `training_2017` and `person_keypoints_train2017` all say `train`; `valid` and
`validation` say `val`; `testset`, `Testing` and `test2017` say `test`, and `test_hard` a test set
of its own. Years, and words that only say what is in a folder (`set`, `images`), do not count.
Splits other than `train` are held out from training.

A name that looks like a split and is none of these (`trainval`, `dev`, `tset`) is unclear: what
asks has to stop, since faces that were meant for testing must not be trained on.
"""

import re
import unicodedata
from collections.abc import Iterable

TRAIN, VALIDATION, TEST = "train", "val", "test"
ADVICE = "call it train, val, test or test_NAME"
CELLS = "cells that say train, val, test or test_NAME"

_WORDS = {
    TRAIN: "training|trainings|trains?|trn",
    VALIDATION: "validation|validating|validate|validierung|valid|val",
    TEST: "testing|tests?|tst",
}
# Around such a word without a separator, and after it with one: they name no set of their own.
_BEFORE = (
    "my|new|our|the|full|all|faces?|photos?|images?|imgs?|data|labels?|landmarks?|keypoints?|points?"
    "|annotations?|coco|wflw|ibug|helen|lfpw|afw|aflw|cofw|celeba|kp|gt"
)
_AFTER = (
    "sets?|splits?|parts?|data|datas?ets?|daten|bilder|images?|imgs?|photos?|pictures?|pics?|faces?"
    "|frames?|files?|folders?|labels?|landmarks?|keypoints?|points?|pts|annotations?|anno|list"
    "|coco|json|csv"
)
_TOKEN = re.compile(
    rf"(?:{_BEFORE})?(?:"
    + "|".join(f"(?P<{split}>{words})" for split, words in _WORDS.items())
    + rf")(?:{_AFTER})*(?P<number>\d*)"
)
_SAYS_NOTHING = re.compile(rf"{_AFTER}|(?:19|20)\d\d")
# Words for a split that do not say which, and those of which a letter is wrong.
_UNCLEAR = re.compile(
    r"(?:eval|evaluation|evaluate|evals|dev|devel|development|holdout|heldout|unseen|minival"
    r"|(?:train(?:ing)?|val(?:id(?:ation)?)?|test(?:ing)?){2,3}"
    r"|trian|tarin|tran|trai|traing|traning|trainig|tranining|triaining"
    r"|tset|tets|tes|teste|testign|tesing|vaild|vald|vali|vaildation|validaton|valdation|validtion"
    r"|k?folds?"
    r"|entrenamiento|entrainement|apprentissage|treino|treinamento|addestramento|pruebas?|validacion"
    r"|validacao|validazione|trening|treningow[ye]|testow[ye]|egitim"
    rf")(?:{_AFTER})*\d*"
)
_UNCLEAR_AT_THE_END = re.compile(r"(?:tr|te|va|ts)\d*")
# In scripts without the letters that names are taken apart by.
_UNCLEAR_SCRIPTS = re.compile(
    "训练|訓練|测试|測試|验证|驗證|検証|学習データ|テスト|評価|훈련|학습|테스트|평가|обуч|трениров|тест|валидац"
)
_LONGEST = 40


class UnclearSplitError(ValueError):
    """A name looks like a split, and nobody can tell which; the message says what to do."""


def split_of(name: str) -> str | None:
    """Returns the split that a name says: `train`, `val`, `test`, `val_NAME`, `test_NAME`.

    Args:
      name: Of a folder or a table's cell, or a file's without its ending.

    Returns:
      The split; None where the name does not look like one.

    Raises:
      UnclearSplitError: It looks like a split, and is none of these or several.

    Example:
      >>> [split_of(x) for x in ("person_keypoints_train2017", "Valid", "test-hard", "latest")]
      ['train', 'val', 'test_hard', None]
    """
    tokens = _tokens(name)
    said = [(i, match) for i, token in enumerate(tokens) if (match := _TOKEN.fullmatch(token))]
    kinds = {_kind(match) for _, match in said}
    if len(kinds) > 1:
        raise UnclearSplitError(f"'{name[:80]}' names several splits; {ADVICE}")
    if not said:
        # Hold-Out is two words for one.
        if (
            any(map(_UNCLEAR.fullmatch, [*tokens, "".join(tokens)]))
            or any(map(_UNCLEAR_AT_THE_END.fullmatch, tokens[-1:]))
            or _UNCLEAR_SCRIPTS.search(name.lower())
        ):
            raise UnclearSplitError(
                f"'{name[:80]}' looks like a split, but says not which; {ADVICE}"
            )
        return None
    place, match = said[-1]
    kind = _kind(match)
    if kind == TRAIN:
        return kind
    further = [match["number"], *tokens[place + 1 :]]
    further = [text for text in further if text and not _SAYS_NOTHING.fullmatch(text)]
    return "_".join([kind, *further])[:_LONGEST].rstrip("_")


def split_of_path(folders: Iterable[str]) -> str | None:
    """Returns the split that the folders of a path say, from the outermost to the innermost.

    Args:
      folders: Their names.

    Raises:
      UnclearSplitError: They say different splits, or only what is unclear.
    """
    said: list[str] = []
    unclear: UnclearSplitError | None = None
    folders = list(folders)
    for folder in folders:
        try:
            split = split_of(folder)
        except UnclearSplitError as error:
            unclear = error
            continue
        if split is not None:
            said.append(split)
    if not said:
        if unclear is not None:
            raise unclear
        return None
    if len({split.partition("_")[0] for split in said}) > 1:
        raise UnclearSplitError(f"'{'/'.join(folders)[:200]}' names several splits; {ADVICE}")
    return max(said, key=len)  # of test/test_hard the inner


def is_held_out(split: str) -> bool:
    """Returns whether faces of a split are not to be trained on."""
    return split != TRAIN


def _tokens(name: str) -> list[str]:
    """The words and numbers of a name: `PublicTest_v2` is `public`, `test`, `v2`."""
    text = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text).lower()
    return re.findall(r"[a-z]+\d*|\d+", text)


def _kind(match: re.Match[str]) -> str:
    return next(split for split in _WORDS if match[split])
