"""The names under which this machine is asked for, however the request comes (R114)."""

HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]", "pilothouse"})


def bare(host: str) -> str:
    """What a `Host` header names, in lower case and without its port."""
    name, colon, port = host.lower().rpartition(":")
    return name if colon and port.isdecimal() else host.lower()
