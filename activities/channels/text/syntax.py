"""Which Markdown counts. People write plain text as well, and what only looks like markup stays as they wrote it.

markdown-it parses; what it would take from a plain text is switched off here: indented code, underlined headings,
reference definitions, entities, HTML, rules, lists by "+" (a phone number), quotes by ">" without a space (more than),
and signs within words and addresses.
"""

import re
from collections.abc import Callable
from itertools import pairwise

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock, blockquote, fence, heading, list_block, table
from markdown_it.rules_block.table import escapedSplit
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline, autolink
from markdown_it.rules_inline.state_inline import Delimiter
from markdown_it.token import Token

DEEPEST = 12
"""Of blocks within blocks, as markdown-it counts. What lies deeper is text; markdown-it would drop it."""
LONGEST_LINK = 1_000

_LINK = re.compile(r"(?:https?://|mailto:|tel:)\S+\Z", re.IGNORECASE)
_FENCE = re.compile(r"`{3,}[ \t]*[\w+#.-]*[ \t]*\Z")
_HEADING = re.compile(r"#{1,6}[ \t]+(?!#+[ \t]*\Z)\S")
_QUOTE = re.compile(r">[ \t]+\S")
_ITEM = re.compile(r"(?![-* \t]+\Z)(?:[-*]|\d{1,9}[.)])[ \t]+\S")
_ESCAPED = "*_~`[]"
_TRAILING = re.compile(r"[^\s\w/]*(?:\s|\Z)")
_NEVER_FIRST, _NEVER_LAST = ".,:;!?)]}»”…", "([{«“"
"""Nothing that is emphasised begins or ends with these: `(*)` and `*.*` are no markup."""

BlockRule = Callable[[StateBlock, int, int, bool], bool]


def parse(text: str) -> list[Token]:
    """The tokens of markdown-it."""
    return _PARSER.parse(text)


class _Parser(MarkdownIt):
    def validateLink(self, url: str) -> bool:  # noqa: N802 - markdown-it's name
        return len(url) <= LONGEST_LINK and _LINK.match(url) is not None

    def normalizeLink(self, url: str) -> str:  # noqa: N802 - markdown-it's name
        """As it was written: where a channel has no links, people read the address."""
        return url


def _opened_by(first: re.Pattern[str], rule: BlockRule) -> BlockRule:
    """The rule, for blocks whose first line begins so."""

    def narrowed(state: StateBlock, start: int, end: int, silent: bool) -> bool:
        line = state.src[state.bMarks[start] + state.tShift[start] : state.eMarks[start]]
        return state.level < DEEPEST and first.match(line) is not None and rule(state, start, end, silent)

    return narrowed


def _table(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """A table, unless a row has more cells than there are columns: markdown-it would drop them."""
    before = len(state.tokens)
    if state.level >= DEEPEST or not table(state, start, end, silent):
        return False
    if silent:
        return True
    columns = sum(token.type == "th_open" for token in state.tokens[before:])
    rows = (state.getLines(line, line + 1, 0, False).strip() for line in range(start + 2, state.line))
    if all(len(escapedSplit(row.removeprefix("|").removesuffix("|"))) <= columns for row in rows):
        return True
    del state.tokens[before:]
    state.line = start
    return False


def _verbatim(state: StateCore) -> None:
    """Paragraphs that stand in no other block keep the white space that Markdown strips."""
    lines = state.src.split("\n")
    for opening, inside in pairwise(state.tokens):
        if opening.type == "paragraph_open" and opening.level == 0 and opening.map:
            inside.content = "\n".join(lines[slice(*opening.map)])


def _newline(state: StateInline, silent: bool) -> bool:
    if state.src[state.pos] != "\n":
        return False
    if not silent:
        state.push("softbreak", "br", 0)
    state.pos += 1
    return True


def _escape(state: StateInline, silent: bool) -> bool:
    r"""A backslash hides what is markup here and nothing else: `\\server\share` is a path."""
    hidden = state.src[state.pos + 1 : state.pos + 2]
    if state.src[state.pos] != "\\" or not hidden or hidden not in _ESCAPED:
        return False
    if not silent:
        state.push("text", "", 0).content = hidden
    state.pos += 2
    return True


def _emphasis(state: StateInline, silent: bool) -> bool:
    """Stars and underscores around words. Within a word only `**` counts, and only at its end before a letter:
    languages with endings put them to a bold name, and `x**2 + y**2` is no markup."""
    marker = state.src[state.pos]
    if silent or marker not in "*_":
        return False
    run = state.scanDelims(state.pos, False)
    end = state.pos + run.length
    closes = run.can_close or (
        marker * run.length == "**"
        and state.src[end : end + 1].isalpha()
        and state.scanDelims(state.pos, True).can_close
    )
    # The star of *️⃣ is part of a character.
    counts = state.src[end : end + 1] not in ("\ufe0f", "\u20e3") and not _in_address(state.src, state.pos, end)
    opens = run.can_open and state.src[end : end + 1] not in _NEVER_FIRST
    closes = closes and state.src[state.pos - 1] not in _NEVER_LAST
    for _ in range(run.length):
        state.push("text", "", 0).content = marker
        state.delimiters.append(
            Delimiter(
                marker=ord(marker),
                length=run.length,
                token=len(state.tokens) - 1,
                end=-1,
                open=counts and opens,
                close=counts and closes,
            )
        )
    state.pos = end
    return True


def _in_address(text: str, start: int, end: int) -> bool:
    """Whether signs stand within a bare address, such as `https://example.com/_new_/`, and not at its end."""
    words = text[max(0, start - LONGEST_LINK) : start].split()
    return bool(words) and not text[start - 1].isspace() and "://" in words[-1] and not _TRAILING.match(text, end)


def _autolink(state: StateInline, silent: bool) -> bool:
    """`<https://…>`; but `<name@host>` stays as it is: that is how addresses are written."""
    return state.src.startswith("<http", state.pos) and autolink(state, silent)


def _made() -> MarkdownIt:
    parser = _Parser("commonmark", {"html": False}).enable("strikethrough")
    parser.disable(["code", "lheading", "reference", "html_block", "html_inline", "entity", "hr"])
    block, inline = parser.block.ruler, parser.inline.ruler
    # Beside each rule: what its block may break off, as in markdown-it's own table.
    block.at("table", _table, {"alt": ["paragraph"]})
    block.at("fence", _opened_by(_FENCE, fence), {"alt": ["paragraph", "blockquote", "list"]})
    block.at("blockquote", _opened_by(_QUOTE, blockquote), {"alt": ["paragraph", "blockquote", "list"]})
    block.at("list", _opened_by(_ITEM, list_block), {"alt": ["paragraph", "blockquote"]})
    block.at("heading", _opened_by(_HEADING, heading), {"alt": ["paragraph", "blockquote"]})
    inline.at("newline", _newline)
    inline.at("escape", _escape)
    inline.at("emphasis", _emphasis)
    inline.at("autolink", _autolink)
    parser.core.ruler.after("block", "verbatim", _verbatim)
    return parser.enable("table")


_PARSER = _made()
