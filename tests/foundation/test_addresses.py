"""Which addresses a sandbox may be led to: public ones, and nothing that can be made to look like one."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.dispatch.egress.reach import Names, outside_only
from engine.model.addresses import not_public
from engine.model.destinations import Destination

INSIDE = {
    "169.254.169.254": "metadata",
    "100.100.100.200": "metadata",
    "168.63.129.16": "metadata",
    "fd00:ec2::254": "metadata",
    "0.0.0.0": "no address",
    "10.0.0.1": "private",
    "100.64.0.1": "provider",
    "127.0.0.1": "loopback",
    "127.255.255.254": "loopback",
    "169.254.1.1": "link-local",
    "172.16.0.1": "private",
    "172.31.255.255": "private",
    "192.0.0.1": "special",
    "192.0.2.1": "documentation",
    "192.88.99.1": "6to4",
    "192.168.1.1": "private",
    "198.18.0.1": "benchmarks",
    "198.51.100.1": "documentation",
    "203.0.113.1": "documentation",
    "224.0.0.1": "multicast",
    "239.255.255.255": "multicast",
    "240.0.0.1": "reserved",
    "255.255.255.255": "broadcast",
    "::": "no address",
    "::1": "loopback",
    "::127.0.0.1": "dress",
    "::ffff:8.8.8.8": "dress",
    "::ffff:127.0.0.1": "dress",
    "64:ff9b::808:808": "translator",
    "64:ff9b:1::1": "translator",
    "2001::1": "special",
    "2001:db8::1": "documentation",
    "2002:7f00:1::": "6to4",
    "3fff::1": "documentation",
    "fc00::1": "private",
    "fd12:3456::1": "private",
    "fe80::1": "link-local",
    "2606:4700::1%eth0": "link-local",
    "fec0::1": "private",
    "ff02::1": "multicast",
    "4000::1": "nobody",
    "1::1": "nobody",
}


@pytest.mark.parametrize(("text", "what"), INSIDE.items())
def test_case_38_an_address_inside_is_named(text: str, what: str) -> None:
    assert what in not_public(ip_address(text))


@pytest.mark.parametrize(
    "text", ["8.8.8.8", "1.1.1.1", "93.184.216.34", "172.32.0.1", "2606:4700:4700::1111", "2a00::1"]
)
def test_a_public_address_is_taken(text: str) -> None:
    assert not_public(ip_address(text)) == ""


@given(st.ip_addresses(v=4))
def test_case_38_whatever_the_standard_library_calls_not_global_is_refused(address: IPv4Address) -> None:
    assert not_public(address) or address.is_global


@given(st.ip_addresses(v=6))
def test_case_38_the_same_for_version_six(address: IPv6Address) -> None:
    assert not_public(address) or (address.is_global and address in IPv6Network("2000::/3"))


@given(st.ip_addresses(v=4))
def test_case_38_no_dress_of_an_ipv4_address_is_taken(address: IPv4Address) -> None:
    inner = int(address)
    for prefix in ("::ffff:0:0", "::", "64:ff9b::"):
        assert not_public(IPv6Address(int(IPv6Address(prefix)) + inner))
    assert not_public(IPv6Address((0x2002 << 112) + (inner << 80)))


@given(st.ip_addresses(network=IPv4Network("127.0.0.0/8")), st.integers(1, 65_535))
def test_an_address_keeps_what_it_is_through_the_one_way_it_is_written(address: IPv4Address, port: int) -> None:
    assert not_public(Destination.parse(f"{address}:{port}").address or address)


def test_what_is_public_but_of_this_machine_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.dispatch.egress.reach.not_public", lambda address: "")
    assert outside_only(ip_address("127.0.0.1")) == "an address of this machine"
    assert outside_only(ip_address("192.0.2.1")) == ""


async def test_a_name_is_looked_up_as_a_whole_one_and_each_address_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def answer(host: str, port: object, **_: object) -> list[tuple[object, ...]]:
        asked.append(host)
        return [(2, 1, 6, "", (address, 0)) for address in ("8.8.8.8", "8.8.4.4", "8.8.8.8")]

    monkeypatch.setattr("socket.getaddrinfo", answer)
    assert await Names()("pypi.org") == ["8.8.8.8", "8.8.4.4"]
    assert asked == ["pypi.org."], "no search domain of this machine makes another name of it"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("pypi.org:443", "pypi.org:443"),
        ("PyPI.Org.:443", "pypi.org:443"),
        ("xn--bcher-kva.example:80", "xn--bcher-kva.example:80"),
        ("_sip.a-b.c:5060", "_sip.a-b.c:5060"),
        ("8.8.8.8:53", "8.8.8.8:53"),
        ("[2606:4700:0:0::1]:443", "[2606:4700::1]:443"),
    ],
)
def test_one_host_is_written_in_one_way(text: str, written: str) -> None:
    to = Destination.parse(text)
    assert str(to) == written
    assert Destination.parse(written) == to


@pytest.mark.parametrize(
    "text",
    [
        "", "pypi.org", "pypi.org:", ":443", "pypi.org:0", "pypi.org:65536", "pypi.org:-1", "pypi.org:4 43", "a b:1",
        "*.pypi.org:443", "*:443", "user@host:1", "http://host:1", "host:1/x", "a..b:1", "-a.b:1", "bücher.de:443",
        "127.1:80", "2130706433:80", "0x7f.1:80", "0177.0.0.1:80", "1.2.3:80", "::1:80", "[::1]", "[1.2.3.4]:80",
        "[fe80::1%eth0]:80", "[::1:80", "host:1\r\nX: y", "h\0st:1", "a." * 130 + "b:1", "host:٤٤٣",
    ],
)  # fmt: skip
def test_r45_what_is_no_host_and_port_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Destination.parse(text)
