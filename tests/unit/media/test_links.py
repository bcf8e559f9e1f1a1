"""Links to files: good for a while, for one file, and for nobody who makes them up."""

from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest

from runtime.crypto.roots import RootKeys, new_root
from runtime.media import links
from runtime.media.links import Links, Standing

KEY, OTHER = (f"{uuid4()}/{uuid4()}" for _ in range(2))
OLD, NEW = new_root(), new_root()


def taken_apart(url: str) -> tuple[str, int, str]:
    query = parse_qs(urlsplit(url).query)
    return urlsplit(url).path.removeprefix(links.PATH), int(query["expires"][0]), query["signature"][0]


def test_a_link_is_good_for_its_file_until_it_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Links.of("https://support.example.com", RootKeys.parse(OLD))
    url = made.url(KEY)
    key, expires, signature = taken_apart(url)
    assert (url.startswith("https://support.example.com/v1/media/"), key) == (True, KEY)
    assert made.standing(KEY, expires, signature) is Standing.GOOD
    assert made.standing(OTHER, expires, signature) is Standing.FORGED
    assert made.standing(KEY, expires + 1, signature) is Standing.FORGED
    assert made.standing(KEY, expires, signature[:-1]) is Standing.FORGED
    assert made.standing(KEY, expires, "é") is Standing.FORGED
    monkeypatch.setattr("time.time", lambda: expires)
    assert made.standing(KEY, expires, signature) is Standing.EXPIRED


def test_links_outlive_a_new_root_key_and_not_the_loss_of_their_own() -> None:
    given = taken_apart(Links.of("http://x", RootKeys.parse(OLD)).url(KEY))
    assert Links.of("http://x", RootKeys.parse(f"{NEW},{OLD}")).standing(*given) is Standing.GOOD
    assert Links.of("http://x", RootKeys.parse(NEW)).standing(*given) is Standing.FORGED
