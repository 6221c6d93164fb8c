"""What this machine gives a process, its sandboxes and its clock: limits, memory, time."""

import asyncio
import resource
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from engine.errors import PilothouseError
from engine.local.finding import Finding
from engine.settings import Settings
from engine.units import format_duration, format_size

if TYPE_CHECKING:
    from docker import APIClient

OPEN_FILES = 1024  # an engine with 4 sandboxes and a screen holds about 60; each further sandbox takes about 6
WATCHES = 8192
INSTANCES = 16
INOTIFY = Path("/proc/sys/fs/inotify")
SKEW = 2.0  # seconds two clocks of one machine may differ; a question to the daemon takes much less
JUMP = 0.05  # seconds the wall clock may drift from the monotonic one while it is looked at
LOOK = 0.2  # seconds of that look
HOLDS = {
    "MemoryLimit": ("memory", "boot with cgroup_enable=memory"),
    "SwapLimit": ("swap accounting", "boot with swapaccount=1; until then a sandbox may use swap beyond its memory"),
    "PidsLimit": ("pids", "boot with the pids controller, or a fork bomb is held by nothing"),
    "CpuCfsQuota": ("cpu", "boot with CONFIG_CFS_BANDWIDTH, or `cpus` holds nothing"),
}


def open_files() -> Finding:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    text = f"{'no limit' if soft == resource.RLIM_INFINITY else soft} (hard: {hard})"
    if soft == resource.RLIM_INFINITY or soft >= OPEN_FILES:
        return Finding(name="open files", ok=True, detail=text)
    return Finding(name="open files", ok=False, detail=text, fix=f"ulimit -n {OPEN_FILES} before you start the engine")


def inotify(place: Path = INOTIFY) -> Finding:
    try:
        watches = int((place / "max_user_watches").read_text())
        instances = int((place / "max_user_instances").read_text())
    except (OSError, ValueError):
        return Finding(name="inotify", ok=True, detail="not told by this system")
    text = f"{watches} watches, {instances} instances"
    if watches >= WATCHES and instances >= INSTANCES:
        return Finding(name="inotify", ok=True, detail=text)
    fix = f"sysctl fs.inotify.max_user_watches={WATCHES} fs.inotify.max_user_instances=128"
    return Finding(name="inotify", ok=False, detail=text, fix=fix)


def memory(settings: Settings) -> Finding:
    """What is free against what the sandboxes of the defaults would take side by side."""
    free, limits = psutil.virtual_memory().available, settings.sandbox.defaults
    one, reserve, most = limits.memory, settings.engine.memory_reserve, settings.engine.max_parallel
    fit = max(0, (free - reserve) // one)
    text = f"{format_size(free)} free: room for {min(fit, most)} of {most} sandboxes of {format_size(one)} at once"
    if fit >= most:
        return Finding(name="memory", ok=True, detail=text)
    fix = "tasks wait for memory; lower sandbox.defaults.memory or engine.max_parallel, or free some"
    return Finding(name="memory", ok=fit > 0, detail=text, fix=fix)


async def clock() -> Finding:
    """Whether the wall clock runs as the monotonic one does, and which zone times are shown in."""
    wall, steady = time.time(), time.monotonic()
    await asyncio.sleep(LOOK)
    jump = (time.time() - wall) - (time.monotonic() - steady)
    here = datetime.now().astimezone()
    text = f"{here:%Y-%m-%d %H:%M:%S} {here.tzname()} ({here:%z})"
    if abs(jump) <= JUMP:
        return Finding(name="clock", ok=True, detail=text)
    fix = "something sets it (is NTP stepping it?); deadlines follow the wall clock, time limits of runs do not"
    return Finding(name="clock", ok=False, detail=f"{text}; it moved by {jump:+.2f} s while it was looked at", fix=fix)


async def daemon(host: str) -> Sequence[Finding]:
    """What the daemon's kernel holds, and its clock against ours; nothing where no daemon answers."""
    from engine.sandbox.docker_calls import DaemonCalls

    def ask(client: "APIClient") -> Mapping[str, Any]:
        found: Mapping[str, Any] = client.info()
        return found

    calls = DaemonCalls(host)
    try:
        before = datetime.now(UTC)
        info = await calls.call("tell its state", ask)
        after = datetime.now(UTC)
    except PilothouseError:
        return []
    finally:
        calls.close()
    return [controllers(info), skew(str(info.get("SystemTime", "")), before, after)]


def controllers(info: Mapping[str, Any]) -> Finding:
    """Which limits hold for containers; without memory or pids a sandbox can take the machine with it."""
    missing = [key for key in HOLDS if info.get(key) is False]
    held = ", ".join(HOLDS[key][0] for key in HOLDS if key not in missing)
    version = f"cgroup v{info.get('CgroupVersion', '1')}, {info.get('CgroupDriver', '?')}"
    if not missing:
        return Finding(name="limits", ok=True, detail=f"{version}; held: {held}")
    text = f"{version}; held: {held or 'none'}; not held: {', '.join(HOLDS[key][0] for key in missing)}"
    bearable = {"MemoryLimit", "PidsLimit"}.isdisjoint(missing)
    return Finding(name="limits", ok=bearable, detail=text, fix="; ".join(HOLDS[key][1] for key in missing))


def skew(said: str, before: datetime, after: datetime) -> Finding:
    """The daemon's clock must lie between the moments around the question, give or take SKEW."""
    try:
        theirs = datetime.fromisoformat(said).astimezone(UTC)
    except ValueError:
        return Finding(name="daemon's clock", ok=True, detail="not told")
    off = max((before - theirs).total_seconds(), (theirs - after).total_seconds(), 0.0)
    if off <= SKEW:
        return Finding(name="daemon's clock", ok=True, detail="the same as ours")
    word = "behind" if theirs < before else "ahead of"
    fix = "set both by NTP; until then times in logs and runs do not fit together"
    return Finding(name="daemon's clock", ok=False, detail=f"{format_duration(off)} {word} ours", fix=fix)
