"""Tests of the import reports."""

import json

import pytest

from scaf_jax.annotation import reports
from scaf_jax.annotation.faces import AnnotationError
from scaf_jax.annotation.reports import ImportReport
from scaf_jax.formats.marks import Problem

BAD = Problem("a.json: task 3", "face|1", "result[2]", "it is <b>wrong</b>", "Correct it")


def _report(**changes):
    values = {
        "source": "a.json",
        "format": "coco",
        "accepted": ("x", "y"),
        "unchanged": ("x",),
        "replaced": (),
        "rejected": (),
        "missing": ("face|1",),
    }
    return ImportReport(**(values | changes))


def test_every_problem_is_a_line_of_the_table(tmp_path):
    reports.write(tmp_path, _report(rejected=(BAD,)))
    text = (tmp_path / "import_report.md").read_text()
    assert "- Accepted faces: 2" in text and "- of these unchanged from the pre-labels: 1" in text
    row = r"| a.json: task 3 | result\[2\] | face\|1 | it is \<b\>wrong\</b\> | Correct it |"
    assert row in text
    assert "## Unchanged from the pre-labels" in text and "\n- x\n" in text


def test_problems_of_earlier_imports_stay_until_the_face_is_annotated(tmp_path):
    reports.write(tmp_path, _report(rejected=(BAD,)))
    reports.write(tmp_path, _report(source="b.json"))
    text = (tmp_path / "import_report.md").read_text()
    assert "## Still open from earlier imports" in text and "a.json: task 3" in text
    reports.write(tmp_path, _report(source="c.json", missing=()))
    assert "a.json: task 3" not in (tmp_path / "import_report.md").read_text()
    assert reports.read_problems(tmp_path) == [BAD]  # nothing is forgotten
    imports = json.loads((tmp_path / "import_report.json").read_text())["imports"]
    assert [entry["source"] for entry in imports] == ["a.json", "b.json", "c.json"]


def test_the_summary_has_a_line_for_each_problem_and_the_counts():
    lines = reports.summary(_report(rejected=(BAD, BAD))).splitlines()
    assert lines[0] == str(BAD) and "a.json: task 3" in lines[0] and "Correct it." in lines[0]
    assert lines[-1].startswith("2 faces accepted (1 unchanged") and "2 problems" in lines[-1]


@pytest.mark.parametrize("text", ["[]", '{"imports": 3}', '{"imports": [{"rejected": [1]}]}', "{"])
def test_a_damaged_report_is_named(tmp_path, text):
    (tmp_path / "import_report.json").write_text(text)
    with pytest.raises(AnnotationError, match=r"import_report\.json"):
        reports.read_problems(tmp_path)
