"""Whether people who are elsewhere can be told: the program, the token, and what the terminal and the engine do."""

import shutil
from pathlib import Path

from engine.local.delivering import read_token
from engine.local.finding import Finding
from engine.model import Desktop, NotifySettings
from engine.notify.undelivered import Undelivered
from engine.redaction import Redactor


def notifications(root: Path, settings: NotifySettings) -> Finding:
    """Nothing is sent: `pilothouse notify test` does that."""
    ways = ["bell"] if settings.bell else []
    ways += [f"desktop ({settings.desktop})"] if settings.desktop is not Desktop.OFF else []
    if settings.command:
        program = settings.command[0]
        if shutil.which(program if "/" not in program else str(root / Path(program).expanduser())) is None:
            fix = "name a program that is there and can be run in notify.command, as a list: no shell looks for it"
            return Finding(name="notifications", ok=False, detail=f"{program} cannot be run", fix=fix)
        ways.append(f"command {Path(program).name}")
    if settings.url:
        try:
            token = read_token(settings, root)
        except Undelivered as error:
            return Finding(name="notifications", ok=False, detail=error.message, fix="see docs/notifications.md")
        ways.append(f"{_place(settings.url)} with{'' if token else 'out'} a token")
    fix = "" if settings.channels else "set notify.command or notify.url to be told where no screen is open"
    return Finding(name="notifications", ok=True, detail=", ".join(ways) or "off", fix=fix)


def _place(url: str) -> str:
    """Where messages go, without what may be secret of it: a name and a password, a topic."""
    from urllib.parse import urlsplit

    return Redactor().text(urlsplit(url).hostname or "")
