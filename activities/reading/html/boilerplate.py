"""What belongs to the site and not to the page: menus, banners, footers, requests for consent."""

import re

from selectolax.lexbor import LexborHTMLParser, LexborNode

MAIN_CHARACTERS = 200
"""A `<main>` with so much text is what the page is about."""

_ROLES = {"navigation", "banner", "contentinfo", "search", "complementary"}
_CONSENT = re.compile(
    r"(?i)(?:^|[\s_-])(?:cookie|cookies|gdpr|consent)(?:$|[\s_-])|cookie-?(?:banner|consent|notice|bar)"
)
_CONSENT_CHARACTERS = 3_000
"""What has more text under such a name is a page about cookies."""


def heart(page: LexborHTMLParser) -> LexborNode | None:
    """The one element that holds the page's content, else its body."""
    mains = page.css("main, [role=main]")
    if len(mains) == 1 and len(mains[0].text(deep=True, strip=True)) >= MAIN_CHARACTERS:
        return mains[0]
    return page.body or page.root


def is_boilerplate(node: LexborNode) -> bool:
    """Whether an element is about the site. A header with the page's heading is not, but for its lists."""
    attributes = node.attributes
    if node.tag == "ul" and _within(node, "header"):
        return True
    if node.tag == "nav" or attributes.get("role") in _ROLES:
        return True
    if node.tag in ("header", "footer"):
        return not _within(node, "article", "main", "section", "blockquote") and node.css_first("h1") is None
    named = f"{attributes.get('id') or ''} {attributes.get('class') or ''}"
    return bool(_CONSENT.search(named)) and len(node.text(deep=True, strip=True)) < _CONSENT_CHARACTERS


def _within(node: LexborNode, *tags: str) -> bool:
    above = node.parent
    while above is not None and above.tag not in tags:
        above = above.parent
    return above is not None
