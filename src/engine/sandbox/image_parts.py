"""What of this host goes into the assembled image: a shell, git, Python, and the libraries they need."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

from engine.errors import Unavailable
from engine.sandbox.image_layer import Layer

AGENT_UID = 10001
"""The user sandboxes run as when the engine is root (HARDENING section 2)."""

ACCOUNTS = f"""\
root:x:0:0:root:/root:/bin/sh
agent:x:{AGENT_UID}:{AGENT_UID}:agent:/home/agent:/bin/sh
nobody:x:65534:65534:nobody:/nonexistent:/bin/false
"""
GROUPS = f"root:x:0:\nagent:x:{AGENT_UID}:\nnogroup:x:65534:\n"
# Work trees may belong to whichever user the engine runs as; commits inside a sandbox need some name.
GIT_SETTINGS = """\
[safe]
\tdirectory = *
[user]
\tname = agent
\temail = agent@sandbox
[init]
\tdefaultBranch = main
"""
# Network helpers drag in TLS stacks and need certificates that are not here; the rest needs Perl or a screen.
GIT_LEFT_OUT = ("git-remote-http*", "git-remote-ftp*", "git-http-*", "git-imap-send", "git-daemon", "git-shell",
                "git-cvs*", "git-svn", "git-p4", "git-send-email", "git-archimport", "git-gui*", "git-instaweb",
                "git-citool", "gitweb", "mergetools", "scalar", "git-archive-*.c")  # fmt: skip
PYTHON_LEFT_OUT = ("test", "tests", "idle_test", "site-packages", "dist-packages", "idlelib", "tkinter", "turtledemo",
                   "ensurepip", "lib2to3", "config-*", "_tkinter*", "_dbm*", "_gdbm*", "_test*", "_xxtest*",
                   "_ctypes_test*", "xx*", "*.a", "*.opt-?.pyc", "sitecustomize*")  # fmt: skip
COMMANDS = """
    [ awk basename bash cat chmod chown cksum cmp comm cp cut date dd df diff dirname du echo egrep env expr false
    fgrep find fold free grep gunzip gzip head hostname id install join kill less ln ls md5sum mkdir mkfifo mktemp
    more mv nl nohup nproc od paste patch pgrep pkill printenv printf ps pwd readlink realpath rm rmdir sed seq
    setsid sha1sum sha256sum sha512sum shuf sleep sort split stat stty sync tac tail tar tee test timeout touch tr true
    truncate tty uname uniq uptime wc which whoami xargs yes
"""
_LIBRARY = re.compile(r"(?:=>\s*|^\s*)(/\S+) \(0x[0-9a-f]+\)", re.MULTILINE)  # a line of ldd
_PYTHON_FACTS = """
import json, os, ssl, sqlite3, sys, sysconfig, unittest
paths = sysconfig.get_paths()
folders = {paths["stdlib"], paths["platstdlib"], sysconfig.get_config_var("DESTSHARED") or paths["stdlib"]}
version = "%d.%d.%d" % sys.version_info[:3]
print(json.dumps([os.path.realpath(sys.executable), version, sys.version_info >= (3, 8), sorted(folders)]))
"""


@dataclass
class Assembly:
    """A planned image: its files, its environment, and one sentence per part."""

    layer: Layer = field(default_factory=Layer)
    env: dict[str, str] = field(default_factory=dict)
    parts: list[str] = field(default_factory=list)


def assemble(progress: Callable[[str], None]) -> Assembly:
    """Plan an image from this host's own programs (blocking); Unavailable names what the host lacks."""
    image = Assembly(env={"PATH": "/usr/local/bin:/usr/bin:/usr/sbin:/bin:/sbin", "LANG": "C.UTF-8"})
    for part in (_base, _shell, _git, _python):
        sentence = part(image)
        if sentence:
            image.parts.append(sentence)
            progress(f"taking {sentence} from this host")
    _libraries(image.layer)
    return image


def _base(image: Assembly) -> str:
    layer = image.layer
    layer.text("/etc/passwd", ACCOUNTS)
    layer.text("/etc/group", GROUPS)
    layer.text("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n")
    layer.text("/etc/gitconfig", GIT_SETTINGS)
    for path in ("/dev", "/proc", "/sys", "/root", "/run", "/var", "/home", "/usr/local/bin"):
        layer.folder(path)
    for path in ("/tmp", "/var/tmp"):
        layer.folder(path, mode=0o1777)
    for path in ("/workspace", "/home/agent"):
        layer.folder(path, owner=AGENT_UID)
    return ""


def _shell(image: Assembly) -> str:
    busybox = shutil.which("busybox")
    if busybox is not None:
        return _busybox(image.layer, busybox)
    for name in ["sh", *COMMANDS.split()]:
        found = shutil.which(name)
        if found is not None:
            image.layer.host_file(f"/usr/bin/{name}", Path(found))
    if "/usr/bin/sh" not in image.layer:
        raise Unavailable("this host has no sh to put into an image", hint="apt-get install busybox-static")
    return "sh and the usual commands"


def _busybox(layer: Layer, busybox: str) -> str:
    listed = _output([busybox, "--list"]).split()
    if "sh" not in listed:
        raise Unavailable(f"{busybox} has no shell in it", hint="apt-get install busybox-static")
    layer.host_file("/usr/bin/busybox", Path(busybox))
    for name in sorted(set(listed) - {"busybox"}):
        layer.link(f"/usr/bin/{name}", "busybox")
    return f"busybox with {len(listed)} commands"


def _git(image: Assembly) -> str:
    if shutil.which("git") is None:
        raise Unavailable("this host has no git to put into an image", hint="apt-get install git")
    commands = Path(_output(["git", "--exec-path"]).strip())
    binary = commands / "git" if (commands / "git").is_file() else Path(shutil.which("git") or "")
    image.layer.host_file("/usr/bin/git", binary)
    _tree(image.layer, commands, GIT_LEFT_OUT)
    image.env |= {"GIT_EXEC_PATH": str(commands), "GIT_CONFIG_SYSTEM": "/etc/gitconfig"}
    templates = commands.parents[1] / "share/git-core/templates"
    if templates.is_dir():
        _tree(image.layer, templates, ("*.sample",))
        image.env["GIT_TEMPLATE_DIR"] = str(templates)
    return _output(["git", "--version"]).strip().replace("git version", "git")


def _python(image: Assembly) -> str:
    for candidate in ("/usr/bin/python3", getattr(sys, "_base_executable", sys.executable)):
        facts = _python_facts(candidate)
        if facts is not None:
            break
    else:
        raise Unavailable("this host has no Python 3.8 or later with ssl and sqlite3 to put into an image")
    executable, version, folders = facts
    image.layer.host_file(executable)
    for name in {"python3", "python"} - {Path(executable).name if executable.startswith("/usr/bin/") else ""}:
        image.layer.link(f"/usr/bin/{name}", executable)
    for folder in folders:
        _tree(image.layer, Path(folder), PYTHON_LEFT_OUT)
    return f"python {version}"


def _python_facts(executable: str) -> tuple[str, str, list[str]] | None:
    """Executable, version and library folders of a complete interpreter."""
    try:
        real, version, new_enough, folders = json.loads(_output([executable, "-I", "-c", _PYTHON_FACTS]))
    except (OSError, Unavailable, ValueError):
        return None
    return (real, version, folders) if new_enough else None


def _tree(layer: Layer, root: Path, left_out: Iterable[str]) -> None:
    """All readable regular files below `root`, except what matches by name."""
    patterns = tuple(left_out)
    layer.folder(str(root))
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not _matches(name, patterns))
        for name in folders:
            layer.folder(f"{folder}/{name}")
        for name in sorted(files):
            path = Path(folder, name)
            if not _matches(name, patterns) and path.is_file() and os.access(path, os.R_OK):
                layer.host_file(str(path))


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch(name, pattern) for pattern in patterns)


def _libraries(layer: Layer) -> None:
    """The shared libraries of everything in the layer, the loader among them, at the places the loader looks."""
    programs = [str(path) for path in layer.sources() if _is_elf(path)]
    found = sorted(set(_LIBRARY.findall(_output(["ldd", *programs], accept_failure=True))))
    standard = [Path(path).parent for path in found if Path(path).name.startswith(("libc.so", "ld-musl"))]
    for path in found:
        layer.host_file(path)
        # A host may find a library through its loader cache; the image has none, so it lies beside libc as well.
        beside = str(standard[0] / Path(path).name) if standard else path
        if "ld-" not in path and beside not in layer:
            layer.host_file(beside, Path(path))
    for name in ("libnss_files.so.2", "libnss_dns.so.2", "libresolv.so.2"):
        if standard and (standard[0] / name).is_file():
            layer.host_file(str(standard[0] / name))


def _is_elf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def _output(argv: list[str], *, accept_failure: bool = False) -> str:
    """What a program of the host prints, within 30 s; Unavailable when it fails."""
    env = {**os.environ, "LC_ALL": "C"}
    try:
        done = subprocess.run(argv, capture_output=True, text=True, errors="replace", timeout=30, env=env, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{argv[0]} cannot be run: {error}") from error
    if done.returncode != 0 and not accept_failure:
        raise Unavailable(f"{' '.join(argv[:2])} failed: {done.stderr.strip()[-300:]}")
    return done.stdout
