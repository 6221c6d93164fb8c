"""Where a sandbox may want to connect to: a host and a port, written in one way only."""

import ipaddress
import re
from dataclasses import dataclass

from engine.model.addresses import Address

EGRESS = "egress"
"""The network of a sandbox that has none and reaches what it names through the engine."""
MOST_LISTED = 200  # entries of one list
LONGEST = 253  # characters of a host's name

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_NUMBER = re.compile(r"\d+|0x[0-9a-f]*")  # a last label that makes the whole an address to some resolvers
_WHOLE = re.compile(r"\[(?P<inner>[^\]]*)\]:(?P<port6>\d{1,5})|(?P<host>[^:\[\]]*):(?P<port>\d{1,5})", re.ASCII)


@dataclass(frozen=True)
class Destination:
    """A host, as a name in lower case or an address in its shortest form, and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def address(self) -> Address | None:
        """The host where it is an address; None for a name."""
        try:
            return ipaddress.ip_address(self.host)
        except ValueError:
            return None

    @classmethod
    def parse(cls, text: str) -> "Destination":
        """`host:port`, an IPv6 address in brackets. ValueError says what is wrong."""
        found = _WHOLE.fullmatch(text.strip())
        if found is None:
            raise ValueError(f"{text[:80]!r} is not host:port")
        port = int(found["port"] or found["port6"])
        if not 0 < port < 65_536:
            raise ValueError(f"{port} is no port")
        if found["inner"] is not None:
            return cls(_address_v6(found["inner"]), port)
        return cls(_host(found["host"]), port)


def _address_v6(text: str) -> str:
    try:
        address = ipaddress.IPv6Address(text)
    except ValueError as error:
        raise ValueError(f"{text[:80]!r} is no IPv6 address") from error
    if address.scope_id is not None:
        raise ValueError(f"{text[:80]!r} names a link of this machine")
    return str(address)


def _host(text: str) -> str:
    name = text.lower().removesuffix(".")
    if "*" in name:
        raise ValueError(f"{text[:80]!r} is a pattern: each host is named in full")
    try:
        return str(ipaddress.IPv4Address(name))
    except ValueError:
        pass
    if len(name) > LONGEST or _NAME.fullmatch(name) is None:
        raise ValueError(f"{text[:80]!r} is no host: letters, digits, `-` and `.` (other scripts as xn--…)")
    if _NUMBER.fullmatch(name.rsplit(".", 1)[-1]):
        raise ValueError(f"{text[:80]!r} is neither a name nor an address")
    return name
