"""How dangerous is what a run asks for: by what this engine knows, never by what the run says of itself (R83)."""

import ipaddress
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from engine.api.asking import AskRequest
from engine.model import DecisionKind, Risk

READS = frozenset({"read", "glob", "grep", "ls", "list", "search", "view"})
WRITES = frozenset({"edit", "multiedit", "write", "notebookedit", "patch", "apply_patch", "create"})
RUNS = frozenset({"bash", "shell", "sh", "exec", "run", "command"})
CONTACTS = frozenset({"connect", "fetch", "webfetch", "websearch"})
TIERS = {"read": Risk.LOW, "low": Risk.LOW, "write": Risk.NORMAL, "execute": Risk.NORMAL, "network": Risk.NORMAL,
         "normal": Risk.NORMAL}  # fmt: skip
RANK = {Risk.LOW: 0, Risk.NORMAL: 1, Risk.HIGH: 2}
MARKS = 20  # dangerous parts that are marked, at most

# What is marked in an argument, and why. Matching is linear: no pattern repeats a group that repeats.
DANGERS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), why)
    for pattern, why in (
        (r"\brm\s+-[a-z]*[rf][a-z]*\b[^\n;&|]{0,200}", "removes without asking"),
        (r"\b(?:sudo|doas|su)\b", "asks for more rights"),
        (r"\bgit\s+push\b[^\n;&|]{0,200}(?:--force\b|\s-f\b)", "rewrites what others have"),
        (r"\bgit\s+(?:reset\s+--hard|clean\s+-[a-z]{0,10}f)", "throws work away"),
        (r"\b(?:curl|wget)\b[^\n;&]{0,500}\|\s*(?:ba|z|da)?sh\b", "runs what it downloads"),
        (r"\b(?:mkfs|fdisk|wipefs|shred)\b|\bdd\s+[^\n;&|]{0,200}\bof=", "overwrites a disk"),
        (r"\bch(?:mod|own)\s+-[a-z]{0,10}R", "changes rights of a whole tree"),
        (r"\b(?:drop|truncate)\s+(?:table|database|schema)\b", "destroys stored data"),
        (r"\b(?:terraform|tofu|pulumi)\s+(?:apply|destroy)\b|\bkubectl\s+delete\b", "changes what runs elsewhere"),
        (r"(?:^|[\s/])(?:\.ssh|\.aws|\.gnupg|\.netrc|id_rsa|id_ed25519)\b", "touches credentials"),
        (r"/etc/(?:passwd|shadow|sudoers)\b|/var/run/docker\.sock\b", "touches the machine"),
    )
)


@dataclass(frozen=True)
class Assessment:
    """The label, where it comes from, and which parts of which arguments are the dangerous ones."""

    risk: Risk
    reason: str
    danger: list[dict[str, object]] = field(default_factory=list)


def assess(ask: AskRequest) -> Assessment:
    """The risk of one request. An operation this engine does not know has the highest."""
    if ask.kind is DecisionKind.QUESTION:
        return Assessment(Risk.NORMAL, "")
    danger = list(_dangers(ask))[:MARKS]
    if danger:
        return Assessment(Risk.HIGH, f"{danger[0]['argument']} {danger[0]['why']}", danger)
    known = _of_tool(ask)
    said = TIERS.get(ask.tier.lower(), Risk.HIGH) if ask.tier else known.risk
    if RANK[said] > RANK[known.risk]:
        return Assessment(said, f"the run itself calls it {ask.tier}")
    return known


def _of_tool(ask: AskRequest) -> Assessment:
    tool = ask.tool.strip().lower()
    if ask.kind is DecisionKind.EGRESS:
        return _of_contact(ask)
    if tool in READS:
        return Assessment(Risk.LOW, f"{ask.tool} only reads")
    if tool in WRITES:
        return Assessment(Risk.NORMAL, f"{ask.tool} changes files of its own work tree")
    if tool in RUNS:
        return Assessment(Risk.NORMAL, f"{ask.tool} runs a command in its own sandbox")
    if tool in CONTACTS:
        return Assessment(Risk.NORMAL, f"{ask.tool} reaches outside")
    return Assessment(Risk.HIGH, f"{ask.tool} is an operation of unknown kind")


def _of_contact(ask: AskRequest) -> Assessment:
    """A named host over TLS is an everyday contact; a bare address or another port is of unknown kind."""
    host, _, port = str(ask.arguments.get("to", "")).rpartition(":")
    if not host or not port.isdecimal() or ask.tool.strip().lower() != "connect":
        return Assessment(Risk.HIGH, f"{ask.tool} is a contact of unknown kind")
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        if port in ("443", "80"):
            return Assessment(Risk.NORMAL, f"{host} is reached by its name")
        return Assessment(Risk.HIGH, f"port {port} speaks a protocol of unknown kind")
    return Assessment(Risk.HIGH, f"{host} is a bare address: nobody knows whose")


def _dangers(ask: AskRequest) -> Iterator[dict[str, object]]:
    for name, value in ask.arguments.items():
        text = argument_text(value)
        for pattern, why in DANGERS:
            for found in pattern.finditer(text):
                yield {"argument": name, "start": found.start(), "end": found.end(), "why": why}


def argument_text(value: object) -> str:
    """An argument as the text that is shown, marked and matched."""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)
