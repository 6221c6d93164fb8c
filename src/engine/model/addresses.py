"""Which addresses of the internet protocol lead out into the public network, and what the others are."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

Address = IPv4Address | IPv6Address

# After the special-purpose registries of IANA. The first entry that holds an address names it.
_INNER: tuple[tuple[str, str], ...] = (
    ("169.254.169.254/32", "the metadata service of a cloud"),
    ("168.63.129.16/32", "the metadata service of a cloud"),
    ("100.100.100.200/32", "the metadata service of a cloud"),
    ("fd00:ec2::254/128", "the metadata service of a cloud"),
    ("0.0.0.0/8", "no address of a host"),
    ("10.0.0.0/8", "a private address"),
    ("100.64.0.0/10", "an address inside a provider's network"),
    ("127.0.0.0/8", "a loopback address"),
    ("169.254.0.0/16", "a link-local address"),
    ("172.16.0.0/12", "a private address"),
    ("192.0.0.0/24", "an address of special use"),
    ("192.0.2.0/24", "an address for documentation"),
    ("192.88.99.0/24", "a relay of 6to4"),
    ("192.168.0.0/16", "a private address"),
    ("198.18.0.0/15", "an address for benchmarks"),
    ("198.51.100.0/24", "an address for documentation"),
    ("203.0.113.0/24", "an address for documentation"),
    ("224.0.0.0/4", "a multicast address"),
    ("255.255.255.255/32", "a broadcast address"),
    ("240.0.0.0/4", "a reserved address"),
    ("::/128", "no address of a host"),
    ("::1/128", "a loopback address"),
    ("::ffff:0:0/96", "an IPv4 address in another dress"),
    ("::/96", "an IPv4 address in another dress"),
    ("64:ff9b::/96", "an IPv4 address behind a translator"),
    ("64:ff9b:1::/48", "an IPv4 address behind a translator"),
    ("2001:db8::/32", "an address for documentation"),
    ("2001::/23", "an address of special use"),
    ("2002::/16", "an IPv4 address behind 6to4"),
    ("3fff::/20", "an address for documentation"),
    ("fc00::/7", "a private address"),
    ("fe80::/10", "a link-local address"),
    ("fec0::/10", "a private address"),
    ("ff00::/8", "a multicast address"),
)
_PUBLIC_V6 = IPv6Network("2000::/3")  # all that is given out so far; the rest is refused unseen


def _parsed(version: type[IPv4Network] | type[IPv6Network]) -> list[tuple[IPv4Network | IPv6Network, str]]:
    return [(network, what) for text, what in _INNER if isinstance(network := ip_network(text), version)]


_V4, _V6 = _parsed(IPv4Network), _parsed(IPv6Network)


def not_public(address: Address) -> str:
    """What an address is that is no public one; empty for a public one. A scope makes it one of a link."""
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        return "a link-local address"
    for network, what in _V4 if isinstance(address, IPv4Address) else _V6:
        if address in network:
            return what
    if isinstance(address, IPv6Address) and address not in _PUBLIC_V6:
        return "an address that nobody was given"
    return ""
