"""The command `steps`: what it writes hangs together; no test looks at how long anything takes."""

import argparse
import importlib.util
import json
import statistics
import subprocess
import sys

import pytest

from scaf_jax.benchmark import __main__ as command
from scaf_jax.benchmark import accelerator_report, machine, steps, steps_report, workloads

TINY = ["--width=0.0625", "--sizes=64", "--batch=2"]
HAS_TORCH = importlib.util.find_spec("torch") is not None


def _run(output, *options: str) -> int:
    parser = argparse.ArgumentParser()
    steps.add_arguments(parser)
    return steps.main(parser.parse_args([*TINY, f"--output={output}", *options]))


@pytest.fixture(autouse=True)
def _quick_machine(monkeypatch):
    monkeypatch.setattr(machine, "matmul_gflops", lambda: 100.0)
    monkeypatch.setattr(machine, "copy_bandwidth", lambda: 2e9)


def _check(row: dict, contestants: set[str], rounds: int) -> None:
    found = row["contestants"]
    assert set(found) == contestants
    for one in found.values():
        assert len(one["seconds"]) == rounds
        assert one["median_seconds"] == pytest.approx(statistics.median(one["seconds"]))
        assert one["images_per_second"] == pytest.approx(
            row["images_per_run"] / one["median_seconds"]
        )
    assert set(row["speed_ratios"]) == {f"ours/{name}" for name in contestants - {"ours"}}
    for name, ratio in row["speed_ratios"].items():
        other = found[name.removeprefix("ours/")]
        assert ratio == pytest.approx(other["median_seconds"] / found["ours"]["median_seconds"])
    for name in {one for one in contestants if not one.startswith("torch")}:
        memory = found[name]["memory_bytes"]
        assert found[name]["compile_seconds"] > 0
        assert memory["total"] >= memory["arguments"] > 0


def test_one_line_of_the_table(tmp_path, capsys):
    output = tmp_path / "times.json"
    options = ["--kinds=inference", "--rounds=3", "--no-plain", "--no-default", "--no-torch"]
    assert _run(output, *options) == 0
    content = json.loads(output.read_text())
    (row,) = content["rows"]
    assert (row["size"], row["kind"], row["images_per_run"]) == (64, "inference", 2)
    _check(row, {"ours"}, rounds=3)
    assert content["arguments"]["batch"] == 2
    assert content["machine"]["versions"]["jax"]
    printed = capsys.readouterr()
    assert "| 64 | crop to landmarks |" in printed.out and "100 GFLOP/s" in printed.out
    assert "3 rounds" in printed.err and "3 rounds" not in printed.out


@pytest.mark.slow
def test_the_whole_table(tmp_path, capsys):
    output = tmp_path / "times.json"
    assert _run(output, "--rounds=1") == 0
    rows = json.loads(output.read_text())["rows"]
    assert [row["kind"] for row in rows] == list(workloads.TITLES)
    assert [row["images_per_run"] for row in rows] == [8, 2, 2]
    for row in rows:
        others = {"torch"} if HAS_TORCH else set()
        _check(row, {"ours", "plain_lax", "xla_default"} | others, rounds=1)
    assert capsys.readouterr().out.count("| 64 |") == 3


ACCELERATOR = {"ours", "ours_bf16"}
TORCH = {"torch", "torch_bf16", "torch_compile", "torch_compile_bf16"}


def _check_accelerator(output, printed: str, kinds: list[str]) -> None:
    rows = json.loads(output.read_text())["rows"]
    assert [row["kind"] for row in rows] == kinds
    for row in rows:
        _check(row, ACCELERATOR | (TORCH if HAS_TORCH else set()), rounds=1)
        ours = row["contestants"]["ours"]
        share = accelerator_report.bandwidth_share(row, "ours", 2e9)
        per_step = ours["median_seconds"] / row["steps_per_run"]
        assert share == pytest.approx(ours["work"]["bytes"] / per_step / 2e9)
        # Counted by the program, not by a formula: that the batch is read is all that is sure.
        assert ours["work"]["flops"] > 0 and ours["work"]["bytes"] > 2 * 64 * 64 * 3
        assert f"({accelerator_report.bandwidth_share(row, 'ours_bf16', 2e9):.2f})" in printed
        assert accelerator_report.bandwidth_share(row, "torch", 2e9) is None
    assert "2 GB/s" in printed and printed.count("| 64 |") == len(kinds)


@pytest.mark.filterwarnings("ignore:The .grad attribute")  # of torch.compile
def test_the_columns_of_an_accelerator_can_be_tried_on_a_cpu(tmp_path, capsys):
    output = tmp_path / "times.json"
    options = ["--kinds=inference", "--rounds=1", "--columns=accelerator"]
    assert _run(output, *options, "--torch_compiler=eager") == 0
    _check_accelerator(output, capsys.readouterr().out, ["inference"])


@pytest.mark.filterwarnings("ignore:The .grad attribute")  # of torch.compile
@pytest.mark.slow
def test_all_steps_with_the_columns_of_an_accelerator(tmp_path, capsys):
    output = tmp_path / "times.json"
    assert _run(output, "--rounds=1", "--columns=accelerator", "--torch_compiler=eager") == 0
    _check_accelerator(output, capsys.readouterr().out, list(workloads.TITLES))


def test_the_lead_is_over_the_fastest_of_those_that_were_measured():
    row = {
        "contestants": {
            "ours": {"images_per_second": 30.0},
            "torch": {"images_per_second": 15.0},
            "torch_compile": {"images_per_second": 20.0},
        }
    }
    assert accelerator_report.lead(row, accelerator_report.FLOAT32) == 1.5
    assert accelerator_report.lead(row, accelerator_report.BFLOAT16) is None


def test_bad_arguments_are_named_before_anything_is_measured(capsys, tmp_path):
    assert _run(tmp_path / "x.json", "--width=0") == 2
    assert "--width" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("option", ["--rounds=0", "--batch=-1", "--sizes=100", "--kinds=other"])
def test_impossible_values_are_refused(option, tmp_path, capsys):
    with pytest.raises(SystemExit):
        _run(tmp_path / "x.json", option)
    assert option.split("=")[0] in capsys.readouterr().err


def test_without_pytorch_its_column_is_left_out(monkeypatch, capsys):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert not steps._is_torch_wanted(argparse.Namespace(no_torch=False))
    assert "scaf_jax[torch]" in capsys.readouterr().err


def test_the_command_loads_without_pytorch(repository):
    code = "import sys; sys.modules['torch'] = None; import scaf_jax.benchmark.steps"
    subprocess.run([sys.executable, "-c", code], cwd=repository, check=True)


def test_the_command_knows_its_parts(capsys):
    with pytest.raises(SystemExit) as stopped:
        command.main(["steps", "--help"])
    assert stopped.value.code == 0
    assert "--no-torch" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        command.main(["other"])
    assert "acquisition" in capsys.readouterr().err


def test_missing_contestants_are_dashes_in_the_table():
    row = {
        "size": 64,
        "title": "stage 1 step",
        "contestants": {
            "ours": {
                "images_per_second": 10.0,
                "compile_seconds": 2.0,
                "memory_bytes": {"total": 2**30},
            },
            "torch": {"images_per_second": 4.0},
        },
        "speed_ratios": {"ours/torch": 2.5},
    }
    cells = steps_report._row(row)
    shown = "64", "stage 1 step", "10", "-", "-", "4", "2.50", "-", "-", "2.0", "1.00"
    assert cells == shown
