"""Two processes never work in one folder."""

import subprocess
import sys
import textwrap

import filelock
import pytest

from scaf_jax.runs import lock


def test_a_second_process_is_told_so(tmp_path):
    program = """
        import sys
        from scaf_jax.runs import lock
        try:
            with lock.only_one(sys.argv[1]):
                print("in")
        except lock.WorkdirBusyError as error:
            print(error)
    """
    command = [sys.executable, "-c", textwrap.dedent(program), str(tmp_path / "run")]

    def second():
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    with lock.only_one(str(tmp_path / "run")):
        assert second() == (
            f"another process works in {tmp_path / 'run'}: wait for it, or give another --workdir"
        )
    assert second() == "in"


def test_an_error_inside_frees_the_folder(tmp_path):
    with pytest.raises(KeyError), lock.only_one(str(tmp_path)):
        raise KeyError
    with lock.only_one(str(tmp_path)):
        pass


def test_only_the_first_process_of_a_run_locks(tmp_path, monkeypatch):
    monkeypatch.setattr(lock.jax, "process_index", lambda: 1)
    with lock.only_one(str(tmp_path)), lock.only_one(str(tmp_path)):
        assert not list(tmp_path.iterdir())


def test_a_file_system_without_locks_is_used_unguarded(tmp_path, monkeypatch, caplog):
    def refuse(_):
        raise NotImplementedError

    monkeypatch.setattr(filelock.FileLock, "acquire", refuse)
    with lock.only_one(str(tmp_path)):
        assert "cannot be locked" in caplog.text


def test_an_address_that_nothing_can_open_is_refused_before_anything_is_written(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="'gopher://runs/a' is no place"):
        with lock.only_one("gopher://runs/a"):
            pass
    assert not list(tmp_path.iterdir())
