"""Start a process sandbox exactly once: its name is its lock (R19)."""

import fcntl
import os
import subprocess
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from engine.errors import Invalid, NameTaken, OutcomeUnknown, Unavailable
from engine.model.destinations import EGRESS
from engine.sandbox.driver import SandboxSpec, Started
from engine.sandbox.image_parts import GIT_SETTINGS
from engine.sandbox.process_confinement import Confinement, bubblewrap_arguments, search_path, stdlib_python
from engine.sandbox.process_folders import Folders, SandboxFolder, give_to
from engine.sandbox.process_jail import Launch
from engine.sandbox.process_records import EXIT, LAUNCH, OWNER, SHIM, SHIM_LOG, write_record
from engine.sandbox.process_tree import MARK

START_LIMIT = 20.0
NETWORKS = ("none", EGRESS, "open")


def start(spec: SandboxSpec, folders: Folders, confinement: Confinement, state: Path) -> Started:
    """Start the sandbox, or adopt the one of this name, ended or not (blocking).

    Raises Invalid for a spec that cannot be run here, NameTaken when the name is not ours, Unavailable when the shim
    could not be started, OutcomeUnknown when it did not answer in time.
    """
    _require_runnable(spec, confinement)
    folder = folders.sandbox(spec.name)
    folder.path.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(folder.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        return _locked_start(lock, spec, folder, folders, confinement, state)
    finally:
        os.close(lock)  # from here on the shim alone holds it


def _locked_start(
    lock: int, spec: SandboxSpec, folder: SandboxFolder, folders: Folders, confinement: Confinement, state: Path
) -> Started:
    adopted = Started(spec.name, None, adopted=True)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        _wait_for_owner(folder)
        folders.ours(spec.name)
        return adopted
    if folders.ours(spec.name) is None:
        _require_empty(folder)
    if (folder.path / SHIM).exists() or (folder.path / EXIT).exists():
        return adopted
    owner = {"engine": folders.engine_id, "name": spec.name, "labels": dict(spec.labels)}
    write_record(folder.path / OWNER, owner)
    launch = _launch(spec, _scratch(spec, folders, confinement), confinement, state)
    write_record(folder.path / LAUNCH, asdict(launch))
    _run_shim(folder.path, lock)
    return Started(spec.name, None, adopted=False)


def _require_runnable(spec: SandboxSpec, confinement: Confinement) -> None:
    words = [*spec.argv, *spec.env, *spec.env.values()]
    if not spec.argv or any("\0" in word for word in words):
        raise Invalid("the command is empty or holds a NUL byte")
    if any("=" in name or not name for name in spec.env):
        raise Invalid("an environment variable's name is empty or holds `=`")
    if spec.network not in NETWORKS:
        raise Invalid(
            f"process sandboxes know network none, egress and open, not {spec.network!r}", hint="use --runtime docker"
        )
    if spec.network == EGRESS and not confinement.cuts_network:
        raise Invalid("process sandboxes keep their whole network here, so a list would hold nothing back",
                      hint="use --runtime docker, or install bubblewrap")  # fmt: skip


def _require_empty(folder: SandboxFolder) -> None:
    if any(entry.name not in (folder.lock.name, OWNER + ".tmp") for entry in folder.path.iterdir()):
        raise NameTaken(f"{folder.path} is there already and is no sandbox of this engine")


def _wait_for_owner(folder: SandboxFolder) -> None:
    """Somebody else is starting it at this moment: it says whose it is at once."""
    deadline = time.monotonic() + START_LIMIT
    while folder.owner() is None:
        if time.monotonic() > deadline:
            raise OutcomeUnknown(f"{folder.path} is being started and does not say by whom")
        time.sleep(0.01)


def _scratch(spec: SandboxSpec, folders: Folders, confinement: Confinement) -> Path:
    """HOME and TMPDIR of this sandbox alone."""
    private = folders.private(spec.name, confinement.uid is not None)
    for part in ("home", "tmp"):
        (private / part).mkdir(mode=0o700, parents=True, exist_ok=True)
    (private / "home" / ".gitconfig").write_text(GIT_SETTINGS)
    if confinement.uid is not None:
        give_to(private, confinement.uid)
    return private


def _launch(spec: SandboxSpec, private: Path, confinement: Confinement, state: Path) -> Launch:
    cwd = spec.workspace.resolve()
    network = spec.network == "open"
    wrapper: list[str] = []
    if confinement.bubblewrap is not None:
        wrapper = bubblewrap_arguments(
            confinement.bubblewrap,
            state=state,
            writable=(cwd, private),
            mounts=spec.mounts,
            cwd=cwd,
            network=network,
        )
    return Launch(
        name=spec.name,
        argv=spec.argv,
        env=_environment(spec, private, confinement.uid, os.environ),
        cwd=str(cwd),
        memory=spec.memory,
        processes=None if confinement.uid is None else spec.pids + _running_as(confinement.uid),
        uid=confinement.uid,
        isolate=confinement.isolate,
        network=network,
        wrapper=wrapper,
    )


def _environment(spec: SandboxSpec, private: Path, uid: int | None, environ: Mapping[str, str]) -> dict[str, str]:
    """Nothing of the engine's own environment but where programs are."""
    own = {"PATH": search_path(uid, environ), "LANG": "C.UTF-8"}
    env = {**own, **spec.env}
    if spec.programs:
        env["PATH"] = f"{env['PATH']}:{spec.programs}"
    return {**env, "HOME": str(private / "home"), "TMPDIR": str(private / "tmp"), MARK: spec.name}


def _running_as(uid: int) -> int:
    """Threads of that user: the kernel's limit counts them all, this sandbox answers for its own."""
    count = 0
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdecimal() and entry.stat().st_uid == uid:
                count += sum(1 for _ in (entry / "task").iterdir())
        except OSError:
            continue
    return count


def _run_shim(folder: Path, lock: int) -> None:
    command = stdlib_python("from engine.sandbox.process_shim import main; main()", str(folder), str(lock))
    log = folder / SHIM_LOG
    with log.open("wb") as said:
        log.chmod(0o600)
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, cwd="/", env={}, pass_fds=(lock,),
                timeout=START_LIMIT, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise OutcomeUnknown(
                f"the sandbox in {folder} did not say within {START_LIMIT:g} s that it runs"
            ) from error
        except OSError as error:
            raise Unavailable(f"no process could be started: {error}") from error
    if done.returncode != 0:
        tail = log.read_text(errors="replace").strip()[-500:]
        raise Unavailable(f"the sandbox's supervising process failed: {tail or done.returncode}")
