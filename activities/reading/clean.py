"""Characters that no reader of a text sees: they are left out before anything else looks at it."""

import re
import unicodedata

_UNSEEN = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f"  # control characters but tab, line ends and form feed
    "\u00ad\u200b\u200e\u200f\u2060-\u2064\ufeff"  # soft hyphen, zero widths, marks of direction
    "\u202a-\u202e\u2066-\u206f"  # overrides of direction: what is shown is not what is stored
    "\ud800-\udfff\ufff9-\ufffb\ufffe\uffff"  # no characters at all
    "\U000e0000-\U000e007f]"  # tags, which spell ASCII that nobody sees
)
_LINE_END = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")


def clean(text: str) -> str:
    """The text as it is seen, composed (NFC), its lines ended by a newline."""
    return unicodedata.normalize("NFC", _UNSEEN.sub("", _LINE_END.sub("\n", text)))
