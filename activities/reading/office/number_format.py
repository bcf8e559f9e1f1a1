"""Numbers as a sheet shows them: dates, percentages, decimals and currencies."""

import re
from datetime import datetime, timedelta

BUILT_IN = {
    0: "",
    1: "0",
    2: "0.00",
    3: "#,##0",
    4: "#,##0.00",
    9: "0%",
    10: "0.00%",
    11: "0.00E+00",
    14: "yyyy-mm-dd",
    15: "yyyy-mm-dd",
    16: "d-mmm",
    17: "mmm-yy",
    18: "h:mm",
    19: "h:mm:ss",
    20: "h:mm",
    21: "h:mm:ss",
    22: "yyyy-mm-dd h:mm",
    37: "#,##0",
    38: "#,##0",
    39: "#,##0.00",
    40: "#,##0.00",
    44: "#,##0.00",
    45: "mm:ss",
    46: "h:mm:ss",
    47: "mm:ss",
}
"""Formats that files name by number alone (ECMA-376 part 1, 18.8.30), dates as ISO 8601 writes them."""

_TOKEN = re.compile(r'"([^"]*)"|\\(.)|\[\$([^\]-]{0,99}+)[^\]]{0,99}+\]|\[[^\]]{0,99}+\]|_.|\*.|(.)', re.DOTALL)


def shown(value: str, code: str, *, epoch_1904: bool = False) -> str:
    """The number `value` under the format `code`; what neither date nor number can be made of, as it is."""
    try:
        number = float(value)
    except ValueError:
        return value
    section = code.split(";", 1)[0]
    literals = "".join(match[4] or "" for match in _TOKEN.finditer(section)).lower()
    if section.lower() not in ("", "general") and re.search(r"[ymdhs]", literals.replace("general", "")):
        return _date(number, literals, epoch_1904=epoch_1904)
    return _number(number, section)


def hides(code: str) -> bool:
    """Whether a format shows nothing of any number or text, as `;;;` does."""
    return code.count(";") >= 2 and not code.replace(";", "").strip()


def _date(number: float, literals: str, *, epoch_1904: bool) -> str:
    epoch = datetime(1904, 1, 1) if epoch_1904 else datetime(1899, 12, 30)  # noqa: DTZ001 -- sheets know no time zone
    try:
        moment = epoch + timedelta(seconds=round(number * 86_400))
    except (OverflowError, ValueError):
        return _plain(number)
    has_day, has_time = re.search(r"[yd]|mmm", literals), re.search(r"[hs]", literals)
    day = moment.strftime("%Y-%m-%d") if has_day or not has_time else ""
    time = moment.strftime("%H:%M:%S" if "s" in literals else "%H:%M") if has_time else ""
    return f"{day} {time}".strip()


def _number(number: float, section: str) -> str:
    before = after = digits = ""
    for quoted, escaped, currency, other in (match.groups() for match in _TOKEN.finditer(section)):
        if other and other in "0#?.,%E+-/":
            digits += other
        elif text := quoted or escaped or currency or (other if other and not other.isalpha() else ""):
            before, after = (before, after + text) if digits else (before + text, after)
    if not re.search(r"[0#?]", digits) or "E" in digits or "/" in digits:
        return _plain(number)
    whole, _, fraction = digits.partition(".")
    percent = "%" in digits
    amount = (
        f"{number * 100 if percent else number:{',' if ',' in whole else ''}.{len(re.findall('[0#?]', fraction))}f}"
    )
    return f"{before}{amount}{'%' if percent else ''}{after}".strip()


def _plain(number: float) -> str:
    return f"{number:.15g}"
