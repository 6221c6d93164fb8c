"""`doctor` on limits, memory and clocks: what is found, when it is a fault, and what mends it."""

import resource
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from engine.api import Leftover, LeftoverKind, Sweep, SweepOrder
from engine.local import doctor_limits
from engine.local.doctor import leftovers
from engine.local.opening import open_local
from engine.settings import Settings

NOON = datetime(2030, 1, 31, 12, tzinfo=UTC)
HELD = {"MemoryLimit": True, "SwapLimit": True, "PidsLimit": True, "CpuCfsQuota": True}


@pytest.mark.parametrize(("soft", "ok"), [(1024, True), (256, False), (resource.RLIM_INFINITY, True)])
def test_open_files(monkeypatch: pytest.MonkeyPatch, soft: int, ok: bool) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, 4096))
    found = doctor_limits.open_files()
    assert (found.ok, "ulimit" in found.fix) == (ok, not ok)


@pytest.mark.parametrize(("watches", "instances", "ok"), [(8192, 128, True), (100, 128, False), (8192, 1, False)])
def test_inotify(tmp_path: Path, watches: int, instances: int, ok: bool) -> None:
    assert doctor_limits.inotify(tmp_path / "none").ok
    (tmp_path / "max_user_watches").write_text(f"{watches}\n")
    (tmp_path / "max_user_instances").write_text(f"{instances}\n")
    found = doctor_limits.inotify(tmp_path)
    assert (found.ok, "sysctl" in found.fix) == (ok, not ok)


@pytest.mark.parametrize(
    ("free", "fit", "ok", "told"), [(64, 4, True, False), (2, 3, True, True), (0.5, 0, False, True)]
)
def test_free_memory_is_held_against_the_defaults(
    monkeypatch: pytest.MonkeyPatch, free: float, fit: int, ok: bool, told: bool
) -> None:
    memory = SimpleNamespace(available=int(free * 1024**3))
    monkeypatch.setattr("engine.local.doctor_limits.psutil.virtual_memory", lambda: memory)
    found = doctor_limits.memory(Settings())
    assert f"room for {fit} of 4 sandboxes" in found.detail
    assert (found.ok, bool(found.fix)) == (ok, told)


async def test_a_wall_clock_that_is_set_while_we_look_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_limits, "LOOK", 0.0)
    monkeypatch.setattr(doctor_limits, "JUMP", 60.0)
    assert (await doctor_limits.clock()).ok
    walls = iter((time.time(), time.time() + 3600))
    monkeypatch.setattr("engine.local.doctor_limits.time", SimpleNamespace(time=lambda: next(walls), monotonic=float))
    found = await doctor_limits.clock()
    assert not found.ok
    assert "+3600.00 s" in found.detail
    assert found.fix


@pytest.mark.parametrize(
    ("missing", "ok", "word"),
    [
        ("", True, ""),
        ("SwapLimit", True, "swapaccount=1"),
        ("MemoryLimit", False, "cgroup_enable=memory"),
        ("PidsLimit", False, "fork bomb"),
    ],
)
def test_limits_the_kernel_does_not_hold_are_named(missing: str, ok: bool, word: str) -> None:
    found = doctor_limits.controllers({**HELD, **({missing: False} if missing else {}), "CgroupVersion": "2"})
    assert found.ok is ok
    assert word in found.fix
    assert ("not held" in found.detail) is bool(missing)


@pytest.mark.parametrize(
    ("seconds", "ok", "word"), [(0, True, "same"), (1, True, "same"), (-90, False, "behind"), (90, False, "ahead")]
)
def test_a_daemon_whose_clock_is_another_is_found(seconds: int, ok: bool, word: str) -> None:
    said = (NOON + timedelta(seconds=seconds)).isoformat().replace("+00:00", ".123456789Z")
    found = doctor_limits.skew(said, NOON, NOON + timedelta(seconds=0.1))
    assert (found.ok, word in found.detail, bool(found.fix)) == (ok, True, not ok)
    assert doctor_limits.skew("nonsense", NOON, NOON).ok


async def test_no_daemon_no_findings_about_it(tmp_path: Path) -> None:
    assert await doctor_limits.daemon(f"unix://{tmp_path}/none.sock") == []


@pytest.mark.docker
async def test_a_real_daemon_tells_its_limits_and_its_time(docker_host: str) -> None:
    limits, skew = await doctor_limits.daemon(docker_host)
    assert limits.detail.startswith("cgroup v")
    assert skew.detail != "not told"


async def test_what_ended_runs_left_behind_is_counted(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = await open_local(project, Settings(), visiting=True, drivers={})
    try:
        assert (await leftovers(engine)).detail == "none"
        found = (Leftover(kind=LeftoverKind.WORK, name="w"), Leftover(kind=LeftoverKind.SANDBOX, name="ph-1"))

        async def gc(order: SweepOrder) -> Sweep:
            assert order.dry_run, "looking removes nothing"
            return Sweep(dry_run=True, leftovers=found[: 1 + len(asked)])

        asked: list[int] = []
        monkeypatch.setattr(engine, "gc", gc)
        work = await leftovers(engine)
        assert (work.ok, work.detail) == (True, "1 work folders of ended runs")
        asked.append(1)
        lost = await leftovers(engine)
        assert not lost.ok
        assert "pilothouse gc" in lost.fix
    finally:
        await engine.close()
