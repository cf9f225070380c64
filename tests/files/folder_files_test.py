"""Tests of which files of a user's folder are looked at."""

import collections
import os

import pytest

from scaf_jax.files import folder_files


def _write(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def _look(root):
    passed_over = collections.Counter()
    found = sorted(folder_files.files_below(root, passed_over))
    return found, dict(passed_over)


@pytest.mark.parametrize(
    "name",
    [
        "._a.jpg",
        ".hidden.jpg",
        "a/._b.PTS",
        "__MACOSX/a.jpg",
        "a/__MACOSX/b/._c.jpg",
        ".ipynb_checkpoints/a-checkpoint.jpg",
        "a/@eaDir/b.jpg/SYNOPHOTO_THUMB_M.jpg",
        ".Trash/a.jpg",
        ".Trash-1000/files/a.jpg",
        "$RECYCLE.BIN/a.jpg",
        "#recycle/a.jpg",
        "System Volume Information/a.jpg",
        ".thumbnails/a.jpg",
        "Thumbnails/a.jpg",
        "a/thumbs/b.jpg",
        "Thumbs.db",
        "desktop.ini",
        ".git/a.jpg",
    ],
)
def test_what_systems_leave_is_never_looked_at(tmp_path, name):
    _write(tmp_path, name, "good.jpg")
    found, passed_over = _look(tmp_path)
    assert found == ["good.jpg"] and sum(passed_over.values()) == 1
    assert not folder_files.is_looked_at(name)


@pytest.mark.parametrize(
    "name", ["thumbnails128x128/a.jpg", "a b/c.jpg", "~.jpg", "_a.jpg", "trash/a.jpg"]
)
def test_names_of_people_are_looked_at(tmp_path, name):
    _write(tmp_path, name)
    assert _look(tmp_path) == ([name], {}) and folder_files.is_looked_at(name)


def test_the_folder_itself_may_have_any_name(tmp_path):
    _write(tmp_path / ".cache" / "thumbnails", "a.jpg")
    assert _look(tmp_path / ".cache" / "thumbnails") == (["a.jpg"], {})


def test_links_to_folders_are_followed_once(tmp_path):
    _write(tmp_path, "root/b/1.jpg", "elsewhere/2.jpg", "elsewhere/deep/3.jpg")
    root = tmp_path / "root"
    (root / "a").symlink_to(root / "b")  # by its name it comes before what it leads to
    (root / "out").symlink_to(tmp_path / "elsewhere")
    (root / "z").symlink_to(tmp_path / "elsewhere" / "deep")
    found, passed_over = _look(root)
    assert found == ["b/1.jpg", "out/2.jpg", "out/deep/3.jpg"]
    assert passed_over == {folder_files.SEEN: 2}


def test_links_never_lead_in_circles_or_above(tmp_path):
    _write(tmp_path, "root/a/1.jpg", "beside/2.jpg")
    for name, target in {"loop": "root", "a/up": "root/a", "above": "."}.items():
        (tmp_path / "root" / name).symlink_to(tmp_path / target)
    (tmp_path / "beside" / "back").symlink_to(tmp_path / "root")
    (tmp_path / "root" / "beside").symlink_to(tmp_path / "beside")
    found, passed_over = _look(tmp_path / "root")
    assert found == ["a/1.jpg", "beside/2.jpg"]
    assert passed_over == {folder_files.SEEN: 4}


def test_odd_files_are_counted_by_kind(tmp_path):
    _write(tmp_path, "a.jpg", ".x", ".y", "__MACOSX/a", "@eaDir/b", "c/@eaDir/d")
    (tmp_path / "gone.jpg").symlink_to("nowhere.jpg")
    (tmp_path / "self.jpg").symlink_to("self.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "link.jpg").symlink_to("a.jpg")
    found, passed_over = _look(tmp_path)
    assert found == ["a.jpg", "link.jpg"]
    assert passed_over == {
        folder_files.HIDDEN: 2,
        "folders __MACOSX": 1,
        "folders @eaDir": 2,
        folder_files.NOWHERE: 2,
        folder_files.ODD: 1,
    }
    assert folder_files.describe({"b": 1, "a": 3}) == "a: 3, b: 1"


def test_a_folder_that_cannot_be_opened_is_counted(tmp_path, monkeypatch):
    _write(tmp_path, "a.jpg", "closed/b.jpg")
    scandir = os.scandir

    def refuse(path):
        if os.fspath(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert _look(tmp_path) == (["a.jpg"], {folder_files.CLOSED: 1})


def test_files_and_folders_of_one_folder(tmp_path):
    _write(tmp_path, "b.PTS", "a.pts", "._a.pts", "f/c.pts", "__MACOSX/d")
    (tmp_path / "e").symlink_to("f")
    assert [path.name for path in folder_files.files_in(tmp_path)] == ["a.pts", "b.PTS"]
    assert [path.name for path in folder_files.folders_in(tmp_path)] == ["e", "f"]
    assert folder_files.ending("a/b.PTS") == ".pts"


def test_files_that_differ_in_their_endings_alone():
    names = ["a.jpg", "a.PNG", "b/a.jpg", "c.jpg", "c.d.jpg"]
    assert folder_files.of_one_stem(names) == [["a.PNG", "a.jpg"]]
