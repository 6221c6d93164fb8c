"""The `sandbox:` mapping of a task or of `defaults`, and `env:`."""

import re
from collections.abc import Mapping, Sequence

from engine.goals.document import Scalar
from engine.goals.fields import Fields
from engine.goals.keys import SANDBOX
from engine.goals.problems import shown
from engine.model import SandboxLimits
from engine.model.addresses import not_public
from engine.model.destinations import EGRESS, MOST_LISTED, Destination

MEGABYTE = 1024**2
LEAST_MEMORY = 6 * MEGABYTE  # what Docker accepts at least
MOST_MEMORY = 16 * 1024**2 * MEGABYTE
IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:@-]{0,254}")
NETWORK = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
OWN = "PILOTHOUSE_"
EXAMPLE = "sandbox: {memory: 512m, timeout: 30m}"


Limits = Mapping[str, object]
"""Some of the limits of a sandbox, as arguments of SandboxLimits."""


def layered(layers: Sequence[Limits]) -> SandboxLimits:
    """Each layer over the ones before it, the environment name by name."""
    merged: dict[str, object] = {}
    env: dict[str, object] = {}
    for layer in layers:
        merged |= {key: value for key, value in layer.items() if key != "env"}
        names = layer.get("env")
        env |= names if isinstance(names, dict) else {}
    return SandboxLimits.model_validate(merged | ({"env": env} if env else {}))


def read_sandbox(fields: Fields) -> Limits:
    """The limits that `sandbox:` sets, and only those."""
    inner = fields.section("sandbox", SANDBOX, "`sandbox`", EXAMPLE)
    if inner is None:
        return {}
    read: dict[str, object] = {
        "image": _image(inner),
        "memory": inner.size("memory", LEAST_MEMORY, MOST_MEMORY),
        "cpus": inner.decimal("cpus", 0.01, 1024),
        "pids": inner.integer("pids", 8, 4_000_000),
        "network": _network(inner),
        "egress": _egress(inner),
        "ask": inner.flag("ask"),
        "timeout": inner.duration("timeout"),
        "idle_timeout": inner.duration("idle_timeout"),
        "env": read_env(inner) or None,
    }
    return {key: value for key, value in read.items() if value is not None}


def read_env(fields: Fields) -> dict[str, str]:
    """Variables of the sandbox's environment; values are text as written."""
    read: dict[str, str] = {}
    for key, node in fields.pairs("env", "env: {NAME: value}"):
        if ENV_NAME.fullmatch(key.text) is None:
            fields.problems.add(key.line, f"{shown(key.text)} is not a variable name", "letters, digits and `_`")
        elif key.text.startswith(OWN):
            fields.problems.add(key.line, f"{shown(key.text)} is set by Pilothouse itself", "choose another name")
        elif isinstance(node, Scalar) and node.null:
            read[key.text] = ""
        elif (text := fields.read_any_text(node, shown(key.text))) is not None:
            read[key.text] = text
    return read


def _image(inner: Fields) -> str | None:
    image = inner.text("image")
    if image is not None and IMAGE.fullmatch(image) is None:
        inner.problems.add(inner.line_of("image"), f"{shown(image)} is not an image name", "write auto or NAME:TAG")
        return None
    return image


def _network(inner: Fields) -> str | None:
    network, line = inner.text("network"), inner.line_of("network")
    if network is None:
        return None
    if network == "host" or network.startswith(("container:", "ns:")):
        reason = "it would share part of the host, or of another container, with the sandbox"
        inner.problems.add(
            line, f"network {shown(network)} is refused: {reason}", "use none, egress, open or a network's name"
        )
    elif NETWORK.fullmatch(network) is None:
        inner.problems.add(line, f"{shown(network)} is not a network", "use none, egress, open or a network's name")
    else:
        return network
    return None


def _egress(inner: Fields) -> tuple[str, ...] | None:
    """The list as it is matched; None where it is not given."""
    if not inner.has("egress"):
        return None
    words = inner.words("egress")
    if len(words) > MOST_LISTED:
        inner.problems.add(inner.line_of("egress"), f"more than {MOST_LISTED} hosts are listed", "list fewer, or ask")
        return None
    listed: list[str] = []
    for word in words:
        try:
            to = Destination.parse(word.text)
        except ValueError as error:
            inner.problems.add(word.line, str(error), "write each as host:port, such as pypi.org:443")
            continue
        inside = "" if to.address is None else not_public(to.address)
        if inside:
            inner.problems.add(word.line, f"{to} is {inside}, and those are never reached", "remove it")
        listed.append(str(to))
    return tuple(listed)


def require_reach(fields: Fields, limits: SandboxLimits, said: Limits) -> None:
    """Report a network that reaches nothing, and a list that no network reads."""
    line = fields.line_of("sandbox") if fields.has("sandbox") else fields.line
    if limits.network == EGRESS and not limits.egress and not limits.ask:
        todo = "add `egress: [host:port]` or `ask: true`, or use `network: none`"
        fields.problems.add(line, "`network: egress` reaches nothing", todo)
    elif limits.network != EGRESS and ("egress" in said or "ask" in said):
        word = "egress" if "egress" in said else "ask"
        todo = "add `network: egress`, or remove it"
        fields.problems.add(line, f"`{word}` has no meaning with the network {shown(limits.network)}", todo)
