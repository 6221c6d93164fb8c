"""What a container may try (cases 38 and 39): it reaches nothing, and only itself comes to harm."""

import asyncio
import socket

import pytest
from container_engine import OpenEngine
from private_daemon import PrivateDaemon

from engine.events import EventType

pytestmark = pytest.mark.docker

# Each attempt that succeeds prints its name, by system calls of its own: no tool that is missing can pass for a wall.
REACHING_OUT = r"""
import ctypes, os, pathlib, socket
libc = ctypes.CDLL(None, use_errno=True)
def tried(name, result):
    if result == 0:
        print(name)
for name, flag in (("user", 0x10000000), ("mount", 0x20000), ("net", 0x40000000), ("pid", 0x20000000)):
    tried("unshare " + name, libc.unshare(flag))
tried("mount tmpfs", libc.mount(b"none", b"/workspace", b"tmpfs", 0, None))
tried("bind", libc.mount(b"/", b"/workspace", None, 4096, None))
tried("remount", libc.mount(None, b"/", None, 32, None))
tried("setuid", libc.setuid(0))
tried("chroot", libc.chroot(b"/workspace"))
tried("pivot", libc.syscall(155, b"/workspace", b"/workspace"))
for kind in (0o060000, 0o020000):
    tried("device", libc.mknod(b"/workspace/disk", kind | 0o666, os.makedev(254, 0)))
for path in ("/etc/x", "/x", "/usr/bin/x", "/proc/sys/kernel/hostname", "/sys/kernel/x", "/sys/fs/cgroup/x"):
    try:
        pathlib.Path(path).write_text("x")
        print("wrote", path)
    except OSError:
        pass
program = pathlib.Path("/tmp/program")
program.write_text("#!/bin/sh\necho ran from /tmp\n")
program.chmod(0o755)
try:
    os.execv(program, [str(program)])
except OSError:
    pass
for folder, _, names in os.walk("/"):
    if not folder.startswith(("/proc", "/sys")):
        print(*(name for name in names if name.endswith(".sock") and folder != "/run/pilothouse"), end="")
for address in ("169.254.169.254", "172.17.0.1", "10.0.0.1", "192.168.0.1", "127.0.0.1"):
    for port in (PORT, 80, 2375):
        with socket.socket() as probe:
            probe.settimeout(1)
            tried(f"reached {address}:{port}", probe.connect_ex((address, port)))
try:
    socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    print("raw socket")
except OSError:
    pass
print("tried everything")
"""

FORK_BOMB = "bomb() { bomb | bomb & }; bomb 2>/dev/null; sleep 1; exit 1"
MEMORY_HOG = "python3 -c 'x = []\nwhile True: x.append(bytearray(1 << 20))'"
FULL_TMP = "cat /dev/zero >/tmp/fill; ls /tmp/fill >/dev/null && exit 9"
FULL_SHM = "cat /dev/zero >/dev/shm/fill; ls /dev/shm/fill >/dev/null && exit 9"
FULL_WORK = "cat /dev/zero >/workspace/fill"
MANY_FILES = "i=0; while [ $i -lt 1000000 ]; do : >/tmp/$i || exit 9; i=$((i+1)); done"


async def test_case_38_nothing_outside_can_be_reached_from_inside(
    private_daemon: PrivateDaemon, open_engine: OpenEngine
) -> None:
    bench = await open_engine(private_daemon.host)
    with socket.create_server(("0.0.0.0", 0)) as host:
        script = REACHING_OUT.replace("PORT", str(host.getsockname()[1]))
        goal = await bench.goal({"one": f"cat >/workspace/try.py <<'EOF'\n{script}\nEOF\npython3 /workspace/try.py"})
        await bench.until_type(EventType.GOAL_ENDED)
    assert await bench.lines(f"{goal}/one") == ["tried everything"]


@pytest.mark.alone
async def test_case_39_what_exhausts_its_sandbox_harms_no_other_and_delays_no_answer(
    private_daemon: PrivateDaemon, open_engine: OpenEngine
) -> None:
    bench = await open_engine(private_daemon.host, max_parallel=7, sandbox={"work_limit": "64m"})
    hostile = {
        "bomb": FORK_BOMB, "hog": MEMORY_HOG, "tmp": FULL_TMP, "shm": FULL_SHM, "files": MANY_FILES, "work": FULL_WORK,
    }  # fmt: skip
    goal = await bench.goal(
        {**hostile, "quiet": "sleep 1; echo fine"}, sandbox={"cpus": 0.5, "timeout": "8s", "pids": 64}
    )
    ended = asyncio.create_task(bench.until_type(EventType.GOAL_ENDED))
    assert await bench.slowest_answer(goal, ended) < 1
    assert await bench.states(goal) == {"all": "failed", "quiet": "done"} | dict.fromkeys(hostile, "failed")
    assert await bench.lines(f"{goal}/quiet") == ["fine"]
    causes = {name: (await bench.engine.run(f"{goal}/{name}")).cause for name in hostile}
    assert (causes["hog"], causes["work"]) == ("oom", "budget")
    assert private_daemon.answers()
