"""How the engine goes outside for a sandbox: which addresses it may take, how a name is looked up."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from engine.model.addresses import Address, not_public

THREADS = 4  # lookups at once: a name service that hangs takes no other thread of the engine
MOST_ADDRESSES = 16  # of one name that are looked at

Rule = Callable[[Address], str]
"""Why an address is never reached; empty when it may be."""
Lookup = Callable[[str], Awaitable[Sequence[str]]]
"""The addresses of a host. Raises OSError when there are none."""


def outside_only(address: Address) -> str:
    """No address but a public one, and none of this machine: what listens here on every interface listens there."""
    return not_public(address) or ("an address of this machine" if _is_own(address) else "")


def _is_own(address: Address) -> bool:
    """Whether a datagram to it would leave from it; none is sent."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((str(address), 9))
            return str(probe.getsockname()[0]) == str(address)
    except OSError:
        return False  # there is no way to it


class Names:
    """Lookups as this machine does them, in threads of their own."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, "names")

    async def __call__(self, host: str) -> Sequence[str]:
        return await asyncio.get_running_loop().run_in_executor(self._threads, _addresses, host)


def _addresses(host: str) -> Sequence[str]:
    absolute = f"{host}."  # so that no search domain of this machine makes another name of it
    found = socket.getaddrinfo(absolute, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(row[4][0]) for row in found))[:MOST_ADDRESSES]


@dataclass(frozen=True)
class Reach:
    """What decides about addresses, and what finds them. No setting changes either."""

    rule: Rule = outside_only
    lookup: Lookup = field(default_factory=Names)
