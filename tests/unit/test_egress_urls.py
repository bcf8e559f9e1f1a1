"""Which URLs we call, and which addresses are the public internet."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.egress import UrlError, check_url
from runtime.egress.addresses import is_public, may_reach, networks

REFUSED = [
    # Schemes
    "",
    "example.com",
    "//example.com/",
    "http://example.com/",
    "ftp://example.com/",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "javascript://example.com/%0aalert(1)",
    "data:text/html,hello",
    "gopher://example.com:70/_",
    "https:example.com",
    "https:/example.com",
    "https:///example.com",
    "https:\\\\example.com",
    "blob:https://example.com/",
    # Two readings of one text
    "https://example.com\\@127.0.0.1/",
    "https://127.0.0.1\\.example.com/",
    "https://user@example.com/",
    "https://user:password@example.com/",
    "https://example.com@127.0.0.1/",
    "https://@127.0.0.1/",
    "https://example.com:443@127.0.0.1/",
    "https://exam\tple.com/",
    "https://example.com/\r\nHost: evil",
    " https://example.com/",
    "https://example.com/ ",
    "https://example.com/\u202ecod.exe",
    "https://example.com/\x00",
    "https://exa%6dple.com/",
    "https://127%2e0.0.1/",
    "https://example.com:80:443/",
    "https://[example.com]/",
    # Hosts
    "https://",
    "https:///path",
    "https://?query",
    "https://:443/",
    "https://.example.com/",
    "https://example..com/",
    "https://example.com./",
    "https://-example.com/",
    "https://example_.c!m/",
    "https://" + "a" * 64 + ".com/",
    "https://" + "a." * 130 + "com/",
    "https://例え。テスト/",
    "https://exa\u00admple.com/",
    # Numbers that some resolver reads as 127.0.0.1
    "https://0177.1/",
    "https://0x7f.1/",
    "https://0x7f000001/",
    "https://2130706433/",
    "https://017700000001/",
    "https://127.1/",
    "https://127.0.1/",
    "https://127.0.0.01/",
    "https://127.0.0.1./",
    "https://0/",
    "https://0x/",
    "https://256.1.1.1/",
    "https://1.2.3.4.5/",
    "https://①②⑦.⓪.⓪.①/",
    "https://１２７.0.0.1/",
    "https://127。0。0。1/",
    "https://٠.٠.٠.١/",
    "https://ⓔⓧⓐⓜⓟⓛⓔ.com/",
    # IPv6
    "https://[::1/",
    "https://::1/",
    "https://[fe80::1%25eth0]/",
    "https://[fe80::1%eth0]/",
    "https://[::ffff:0x7f.1]/",
    "https://[1:2:3]/",
    "https://[]/",
    # Ports
    "https://example.com:0/",
    "https://example.com:22/",
    "https://example.com:6379/",
    "https://example.com:65536/",
    "https://example.com:99999/",
    "https://example.com:-1/",
    "https://example.com:+443/",
    "https://example.com:４４３/",
    "https://example.com:",
    "https://example.com:/",
    # Length
    "https://example.com/" + "a" * 2000,
]

TAKEN = {
    "https://example.com": "https://example.com/",
    "HTTPS://EXAMPLE.com:443/A?b=c#d": "https://example.com/A?b=c",
    "https://example.com:8443/a/../b//c": "https://example.com:8443/a/../b//c",
    "https://example.com?a=%20&b=[1]": "https://example.com/?a=%20&b=[1]",
    "https://пример.рф/справка?о=1": "https://xn--e1afmkfd.xn--p1ai/%D1%81%D0%BF%D1%80%D0%B0%D0%B2%D0%BA%D0%B0?%D0%BE=1",
    "https://xn--e1afmkfd.xn--p1ai/": "https://xn--e1afmkfd.xn--p1ai/",
    "https://93.184.215.14/": "https://93.184.215.14/",
    "https://[2606:4700::1111]:443/": "https://[2606:4700::1111]/",
    "https://[2606:4700:0:0::1111]/": "https://[2606:4700::1111]/",
    "https://1password.com/": "https://1password.com/",
    "https://3.14.example/": "https://3.14.example/",
    "https://example.com/?next=https://user@127.0.0.1\u00e9": "https://example.com/?next=https://user@127.0.0.1%C3%A9",
}


@pytest.mark.parametrize("url", REFUSED)
def test_what_could_mean_something_else_is_refused(url: str) -> None:
    with pytest.raises(UrlError):
        check_url(url)


@pytest.mark.parametrize(("url", "expected"), TAKEN.items())
def test_a_plain_url_is_taken(url: str, expected: str) -> None:
    target = check_url(url)
    assert target.url == expected
    assert check_url(target.url) == target


def test_http_and_other_ports_are_taken_where_they_are_allowed() -> None:
    assert (
        check_url("http://example.com:9999/", schemes=("http", "https"), ports=None).origin == "http://example.com:9999"
    )


@given(st.text() | st.from_regex(r"https://[0-9a-z.:@\[\]%/\\x①。\s-]{0,40}", fullmatch=True))
def test_every_text_is_refused_or_has_one_meaning(text: str) -> None:
    try:
        target = check_url(text)
    except UrlError:
        return
    assert target.url.isascii()
    assert target.url.startswith("https://")
    assert check_url(target.url) == target


@given(st.ip_addresses(v=4))
def test_no_ipv6_address_carries_an_ipv4_one_to_us(address: object) -> None:
    """Mapped, compatible, translated (NAT64), 6to4 and Teredo alike: the address inside is never what counts."""
    value = int(ip_address(str(address)))
    tail = f"{value >> 16:x}:{value & 0xFFFF:x}"
    for carrier in (
        f"::ffff:{tail}",
        f"::{tail}",
        f"64:ff9b::{tail}",
        f"64:ff9b:1::{tail}",
        f"2002:{tail}::1",
        f"2001::{tail}",
    ):
        assert not is_public(ip_address(carrier)), carrier


@pytest.mark.parametrize(
    "address",
    """
    0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 100.100.100.200 100.127.255.255 127.0.0.1 127.255.255.254 168.63.129.16
    169.254.169.254 169.254.0.1 172.16.0.1 172.31.255.255 192.0.0.8 192.0.0.192 192.0.2.1 192.88.99.1 192.168.1.1
    198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
    :: ::1 ::ffff:127.0.0.1 ::ffff:8.8.8.8 ::127.0.0.1 64:ff9b::7f00:1 64:ff9b:1::7f00:1 100::1 2001::1 2001:2::1
    2001:10::1 2001:db8::1 2002:7f00:1::1 3fff::1 5f00::1 fc00::1 fd00:ec2::254 fe80::1 fec0::1 ff02::1
    """.split(),
)
def test_what_is_not_the_public_internet(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    "address",
    "1.1.1.1 8.8.8.8 93.184.215.14 100.63.255.255 100.128.0.0 172.15.255.255 172.32.0.0 192.0.1.1 198.17.255.255 "
    "198.20.0.0 223.255.255.255 2001:200::1 2001:4860:4860::8888 2606:4700::1111 2a00:1450::1".split(),
)
def test_what_is(address: str) -> None:
    assert is_public(ip_address(address))


def test_an_operator_permits_networks_and_no_more() -> None:
    allowed = networks("10.1.0.0/16, fd00::/8")
    assert may_reach(ip_address("10.1.2.3"), allowed)
    assert may_reach(ip_address("fd00::1"), allowed)
    assert not may_reach(ip_address("10.2.0.1"), allowed)
    assert not may_reach(ip_address("::ffff:10.1.2.3"), allowed)
    assert may_reach(ip_address("1.1.1.1"), allowed)
    with pytest.raises(ValueError, match="host bits"):
        networks("10.1.0.1/16")
