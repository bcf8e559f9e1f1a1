"""Answers that would be more than text if anything let them, and what a customer reads of each on the page."""

from typing import Any

from playwright.async_api import Page

Answer = tuple[str, list[str], list[str]]
"""What the bot says; its paragraphs and items as they are read; each element in them, its words, and where it leads."""

_IMAGE = "<img src=x onerror=window.ran=1>"
_PLAIN = (
    "👨‍👩‍👧‍👦 🇰🇿🇷🇺 👍🏽 ❤️ *️⃣ e\u0301 क्षि",
    "שלום (7) مرحبا \u2067א1\u2069 \u202eabc\u202c \u2028 \u00a0.",
    "&#+ &amp; &#43; &lt;b&gt; %2B%20 a+b=c?x&y #1 50% +7(701) c++",
    "<script>window.ran = 1</script><img src=x onerror='window.ran = 1'><svg onload=window.ran=1>",
    "\"><iframe srcdoc='<script>parent.ran = 1</script>'></iframe></div></article><!-- ]]> <b>x</b><br>",
    "[x](javascript:window.ran=1) [y](data:text/html,<script>parent.ran=1</script>) [z](/admin) ![p](x)",
    "1<2 x**2 + y**2 2 ** 3 ** 4 2*3*4 snake_case_name *it* _it_ ~~gone~~ __dunder__ ** ` [ ]( `` **a",
    "| a | b | \\*not\\* \\\\server\\share ${window.ran=1} {{window.ran=1}} $& $1",
    "👨‍👩‍👧‍👦Так&<b>.\u00a0" * 500 + "x" * 2_000,
)
_MARKED: tuple[Answer, ...] = (
    (f"**a<b>&amp;** и `{_IMAGE}`", [f"a<b>&amp; и {_IMAGE}"], ["STRONG a<b>&amp;", f"CODE {_IMAGE}"]),
    ("- one\n* **two**\n• <b>three", ["one", "two", "<b>three"], ["LI one", "LI two", "STRONG two", "LI <b>three"]),
    ("Так:\n1. one\n2) &#43;", ["Так:", "one", "&#43;"], ["LI one", "LI &#43;"]),
    ("first\r\nsecond\rthird\n\n\n  fourth", ["first\nsecond\nthird", "  fourth"], []),
    ("# Head\n> quote\n| a | b |\n|---|---|\n---", ["# Head\n> quote\n| a | b |\n|---|---|\n---"], []),
    ("```py\nx < 1\n```", ["```py\nx < 1\n```"], []),
    ("[<b>us</b>](https://x.kz/?a=1&b=%22) ok", ["<b>us</b> ok"], ["A <b>us</b> https://x.kz/?a=1&b=%22"]),
    ("https://x.kz/_a_?b=*c*&d#e.", ["https://x.kz/_a_?b=*c*&d#e."], ["A https://x.kz/_a_?b=*c*&d#e"]),
    ("**مرحبا** 🇰🇿 `&#+`", ["مرحبا 🇰🇿 &#+"], ["STRONG مرحبا", "CODE &#+"]),
    (
        "**https://x.kz** [**b**](https://y.kz/)",
        ["https://x.kz **b**"],
        ["STRONG https://x.kz", "A **b** https://y.kz/"],
    ),
)
ANSWERS: tuple[Answer, ...] = (*((text, [text], []) for text in _PLAIN), *_MARKED)

_READ = """
all => all.map((said) => {
  const words = (block) => [...block.childNodes].map((each) => (each.nodeName === "BR" ? "\\n" : each.textContent)).join("");
  const marked = [...said.querySelectorAll("*")].filter((each) => !["P", "BR", "UL", "OL"].includes(each.tagName));
  const told = (each) => [each.tagName, each.textContent, ...(each.href && each.href !== each.textContent ? [each.href] : [])];
  return [[...said.querySelectorAll("p, li")].map(words), marked.map((each) => told(each).join(" "))];
})
"""


async def read(page: Page) -> list[Any]:
    """What stands on the page of the bot's words, answer by answer, as in ANSWERS."""
    found: list[Any] = await page.locator(".said.bot .text").evaluate_all(_READ)
    return found
