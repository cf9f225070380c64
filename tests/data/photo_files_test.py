"""Tests of which files are photos."""

import io

import pytest
from PIL import Image

from scaf_jax.data import images, photo_files


def _write(path, kind="JPEG"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (16, 16), (200, 0, 0)).save(path, kind)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.JPG", "JPEG"),
        ("a.jpe", "JPEG"),
        ("a.JFIF", "JPEG"),
        ("a.HEIC", "JPEG"),  # as phones and messengers write it
        ("a.heif", "PNG"),
        ("a.Png", "PNG"),
        ("a.gif", "GIF"),
        ("a.avif", "AVIF"),
        ("a.PGM", "PPM"),
        ("a.ppm", "PPM"),
        ("a.jp2", "JPEG2000"),
        ("a.TIF", "TIFF"),
        ("a.webp", "WEBP"),
    ],
)
def test_photos_of_every_kind_are_found_and_decoded(tmp_path, name, kind):
    _write(tmp_path / name, kind)
    assert photo_files.list_photos(tmp_path) == [name]
    pixels, _ = images.decode_image((tmp_path / name).read_bytes(), name)
    assert pixels.shape == (16, 16, 3) and pixels[8, 8, 0] > 150


def test_heic_is_read_where_its_library_is_installed(tmp_path):
    heif = pytest.importorskip("pillow_heif")
    content = io.BytesIO()
    heif.from_pillow(Image.new("RGB", (64, 32), (200, 0, 0))).save(content, quality=90)
    (tmp_path / "a.HEIC").write_bytes(content.getvalue())
    assert photo_files.list_photos(tmp_path) == ["a.HEIC"]
    assert images.image_size(content.getvalue(), "a") == (64, 32)
    pixels, shrink = images.decode_image(content.getvalue(), "a", shrink=4)
    assert pixels.shape == (32, 64, 3) and shrink == 1 and pixels[8, 8, 0] > 150


def test_photos_that_cannot_be_read_are_counted_and_named(tmp_path, monkeypatch):
    monkeypatch.setattr(images, "_register_heif", lambda: False)
    for name in ("a.HEIC", "b/c.heic"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    (tmp_path / "d.CR2").write_bytes(b"II*\0")
    (tmp_path / "notes.txt").write_text("no photo")
    (tmp_path / "noending").write_text("no photo")
    (tmp_path / "._e.jpg").write_bytes(b"")
    _write(tmp_path / "e.jpg")
    found = photo_files.look(tmp_path)
    assert found.photos == ("e.jpg",)
    assert found.unread == {".heic": 2, ".cr2": 1}
    assert found.passed_over == {
        "photos that cannot be read (.heic)": 2,
        "photos that cannot be read (.cr2)": 1,
        "other files (.txt)": 1,
        "other files": 1,
        "hidden files": 1,
    }
    (problem,) = found.problems
    assert problem.startswith(
        "3 photos are of kinds that cannot be read and are left out (.heic: 2"
    )
    assert "pip install 'scaf_jax[heic]'" in problem
    with pytest.raises(images.ImageError, match=r"or pip install 'scaf_jax\[heic\]' for HEIC"):
        images.decode_image((tmp_path / "a.HEIC").read_bytes(), "a")


def test_an_unreadable_file_is_a_photo_that_will_say_so(tmp_path):
    (tmp_path / "a.heic").write_bytes(b"")
    assert photo_files.list_photos(tmp_path) == ["a.heic"]


def test_files_beside_photos_are_found_on_the_same_walk(tmp_path):
    _write(tmp_path / "a/b.jpg")
    (tmp_path / "a/b.PTS").write_text("")
    found = photo_files.look(tmp_path, (".pts",))
    assert (found.photos, found.beside, found.passed_over) == (("a/b.jpg",), ("a/b.PTS",), {})
    shallow = photo_files.look(tmp_path, deep=False)
    assert shallow.photos == ()


def test_no_photo_at_all_is_told_with_what_is_there(tmp_path):
    (tmp_path / "a.NEF").write_bytes(b"")
    (tmp_path / "__MACOSX").mkdir()
    said = photo_files.none_in(tmp_path, photo_files.look(tmp_path))
    assert "no photos (.jpg, " in said and "1 photos are of kinds that cannot be read" in said
    assert "passed over: folders __MACOSX: 1, photos that cannot be read (.nef): 1" in said
    assert "unpack" not in said
    (tmp_path / "b.ZIP").touch()
    said = photo_files.none_in(tmp_path, photo_files.look(tmp_path))
    assert "in this folder or below it; 1 photos are of kinds" in said
    assert "unpack the archives first; passed over: " in said
