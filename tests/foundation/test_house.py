"""The tests' own guards can fail, and they see what the tests do and not what lives beside them."""

import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parent.parent / "conftest.py"
INI = "[pytest]\nasyncio_mode = auto\nmarkers = docker: needs a daemon\n"


def run_pytest(folder: Path, test: str, **environ: str) -> str:
    (folder / "conftest.py").write_text(CONFTEST.read_text())
    (folder / "pytest.ini").write_text(INI)
    (folder / "test_it.py").write_text(test)
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-rs", str(folder)]
    environ = {"PATH": "/usr/bin:/bin", "DOCKER_HOST": f"unix://{folder}/none.sock"} | environ
    return subprocess.run(argv, capture_output=True, text=True, env=environ, timeout=60, check=False).stdout


def test_a_callback_that_holds_the_loop_fails_its_test(tmp_path: Path) -> None:
    out = run_pytest(tmp_path, "import time\nasync def test_stall():\n    time.sleep(0.3)\n")
    assert "the event loop was held" in out
    assert "1 failed" in out


def test_a_wait_that_leaves_the_loop_free_passes(tmp_path: Path) -> None:
    out = run_pytest(tmp_path, "import asyncio\nasync def test_wait():\n    await asyncio.sleep(0.3)\n")
    assert "1 passed" in out


def test_nothing_that_is_loaded_or_left_by_another_file_is_looked_through_while_a_test_runs(tmp_path: Path) -> None:
    left = "MADE = []\ndef test_it():\n    MADE.append([])\n"
    (tmp_path / "test_earlier.py").write_text(left)
    looked = "import gc\nfrom test_earlier import MADE\nLOADED = []\n"
    test = "def test_it():\n    assert not [it for it in gc.get_objects() if it is LOADED or it is MADE[0]]\n"
    out = run_pytest(tmp_path, looked + test)
    assert "2 passed" in out


@pytest.mark.parametrize(("required", "verdict"), [("", "1 skipped"), ("1", "1 error")])
def test_without_a_daemon_the_docker_marker_skips_or_fails(tmp_path: Path, required: str, verdict: str) -> None:
    test = "import pytest\n@pytest.mark.docker\ndef test_docker():\n    pass\n"
    out = run_pytest(tmp_path, test, PILOTHOUSE_REQUIRE_DOCKER=required)
    assert verdict in out
    assert "no Docker daemon answers" in out
