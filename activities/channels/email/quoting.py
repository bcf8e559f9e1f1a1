"""What somebody wrote in a reply, without what mail programs add: the mails before it, and signatures.

Three languages and the programs that their speakers use. Where nothing would be left, everything stays.
"""

import re
from collections.abc import Sequence

_RULE = re.compile(
    r"[-_=\s]*\b(?:original message|forwarded message|исходное сообщение|пересылаемое сообщение|"
    r"оригинальное сообщение|бастапқы хабарлама|қайта жіберілген хабарлама)\b[-_=:\s]*",
    re.IGNORECASE,
)
_LINE = re.compile(r"\s*_{10,}\s*")
_FROM = re.compile(r"[*\s]*(?:from|от|кімнен|жіберуші)\s*:\**\s.*", re.IGNORECASE)
_OTHER_HEADERS = re.compile(
    r"[*\s]*(?:sent|date|to|cc|subject|отправлено|дата|кому|копия|тема|жіберілді|жіберілген(?: күні)?|күні|кімге"
    r"|көшірме|тақырып|тақырыбы)\s*:",
    re.IGNORECASE,
)
_SAID = re.compile(
    r"(?:on\b.{5,300}\bwrote|.{5,300}\b(?:пишет|писала?|написала?|писал\(а\)|написал\(а\)|wrote|жазды|деп жазды)"
    r"|.{0,300}\bвы писали)\s*:",
    re.IGNORECASE | re.DOTALL,
)
# As Gmail, Mail.ru and Yandex write it in Russian.
_SAID_AT = re.compile(r".{0,200}\b\d{1,2}:\d\d\b.{0,200}<[^<>@\s]{1,100}@[^<>@\s]{1,100}>\s*:", re.DOTALL)
_DATED = re.compile(
    r"\s*(?:on\b|\d|(?:mon|tue|wed|thu|fri|sat|sun|пн|вт|ср|чт|пт|сб|вс|понедельник|вторник|среда|четверг|пятница|суббота"
    r"|воскресенье|дс|сс|бс|жм|сн|жс)\b)",
    re.IGNORECASE,
)
_MOST_WRAPPED = 4
"""Lines that "On … wrote:" may be broken into."""
_SIGNED = re.compile(r"--\s?")
_MOBILE = re.compile(
    r"\s*(?:sent (?:from (?:my |outlook|mail for|yahoo)|with proton)|get outlook for|отправлено (?:с|из|от) (?:моего |"
    r"мобильн|iphone|ipad|samsung|устройства|android|почты|яндекс|outlook)|iphone-нан жіберілді"
    r"|(?:[\w-]+ ){1,3}(?:құралымнан|құрылғымнан|смартфонынан|планшетінен) жіберілді|менің \w+ жіберілді).{0,80}",
    re.IGNORECASE,
)


def own(text: str) -> str:
    """What the writer of a mail says in it."""
    lines = [line.rstrip() for line in text.split("\n")]
    said = _without_signature(_without_quotes(_before_others(lines)))
    return "\n".join(said).strip() or text.strip()


def _before_others(lines: Sequence[str]) -> list[str]:
    """Up to where the mail before begins, when it is not quoted line by line."""
    for place, line in enumerate(lines):
        if _RULE.fullmatch(line) and re.search(r"[-_=]{2,}", line):
            return list(lines[:place])
        if _FROM.fullmatch(line):
            after = [each for each in lines[place + 1 : place + 6] if _OTHER_HEADERS.match(each)]
            if len(after) >= 2:
                return list(lines[: place - 1 if place and _LINE.fullmatch(lines[place - 1]) else place])
    return list(lines)


def _without_quotes(lines: Sequence[str]) -> list[str]:
    """Without lines that begin with `>`, and without what announces them."""
    kept: list[str] = []
    for place, line in enumerate(lines):
        if line.startswith(">"):
            if not (place and lines[place - 1].startswith(">")):
                _drop_announcement(kept)
        else:
            kept.append(line)
    # Where the quote itself was taken out of a page already.
    _drop_announcement(kept)
    return kept


def _drop_announcement(kept: list[str]) -> None:
    end = len(kept)
    while end and not kept[end - 1].strip():
        end -= 1
    # Gone for good, so that a long mail of quotes is not gone through again and again.
    del kept[end:]
    first = end
    while first > max(0, end - _MOST_WRAPPED) and kept[first - 1].strip():
        first -= 1
    # With a date or "On" it may follow somebody's words at once; else it stands alone.
    dated = [begin for begin in range(first, end) if _DATED.match(kept[begin])]
    alone = [begin for begin in (first,) if not first or not kept[first - 1].strip()]
    for begin in (*dated, *alone):
        words = "\n".join(kept[begin:end]).strip()
        if _SAID.fullmatch(words) or (begin in dated and _SAID_AT.fullmatch(words)):
            del kept[begin:]
            return


def _without_signature(lines: Sequence[str]) -> list[str]:
    for place, line in enumerate(lines):
        if _SIGNED.fullmatch(line) and place:
            lines = lines[:place]
            break
    kept = list(lines)
    while kept and (not kept[-1].strip() or _MOBILE.fullmatch(kept[-1])):
        kept.pop()
    return kept
