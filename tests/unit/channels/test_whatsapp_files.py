"""Where a token of Meta's may go along when a file is fetched."""

import httpx
import pytest

from activities.channels.port import RefusedError
from activities.channels.whatsapp_cloud.files import _trusted

META = httpx.URL("https://graph.facebook.com")


@pytest.mark.parametrize(
    "url",
    [
        "https://lookaside.fbsbx.com/whatsapp_business/attachments/?mid=1&ext=2&hash=3",
        "https://scontent.xx.fbcdn.net/v/1",
        "https://graph.facebook.com/v23.0/1",
    ],
)
def test_to_meta(url: str) -> None:
    assert _trusted(url, META) == httpx.URL(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://lookaside.fbsbx.com/x",
        "https://lookaside.fbsbx.com:8443/x",
        "https://lookaside.fbsbx.com.evil.example/x",
        "https://lookaside.fbsbx.com@evil.example/x",
        "https://evilfbcdn.net/x",
        "https://fbcdn.net.evil.example/x",
        "https://x.lookaside.fbsbx.com/x",
        "http://graph.facebook.com/x",
        "//lookaside.fbsbx.com/x",
        "https://lookaside.fbsbx.com:port/x",
        "",
        None,
        7,
    ],
)
def test_to_nobody_else(url: object) -> None:
    with pytest.raises(RefusedError, match="foreign_address"):
        _trusted(url, META)
