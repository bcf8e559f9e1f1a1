"""Knowledge is for people: what in it gives orders to a machine is neither read by a model nor quoted to a customer.

Whoever can write on a page that is ingested (a forum, a supplier's leaflet, a note in an order) could otherwise speak
through the bot. Such texts are known by their shape: they address a machine, take back its rules, prescribe its
answers. "Ignore the previous invoice if you have paid" addresses a customer, and stays.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

import structlog

from activities.guards.order_words import sign
from activities.language.sentences import spans
from models.contracts.knowledge import Passage

log = structlog.get_logger(__name__)

_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_PARAGRAPH = re.compile(r"\n[ \t]*\n")
_UNSEEN = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\U000e0000-\U000e01ef]")
_ADDRESS = re.compile(r"(?:https?:)?//\S++|(?<![\w.-])[\w-]++(?:\.[\w-]++)+")
_SPACED = re.compile(r"(?<!\w)\w(?: \w(?!\w)){4,}")
_TOKEN = re.compile(r"(?P<word>[^\W\d_][\w'’-]*|\d[\w-]*)|(?P<stop>[.!?]|\n)|(?P<colon>:)|[,;—–(){}\"]")
_MACHINE = re.compile(r"[LM]m+|LM|mM+|MM+")

ORDERS = {
    "addresses": re.compile(
        # Note to AI assistants: …; task for the model: …; dear chatbot
        r"[HN]F?[QDE]*(?:M[a-zA-Z]{0,3}|m)[,:][^.]*?[TvAZOt]|[Mm][HN][,:][^.]*[tZ]|h[DQ,]*M|h[DQ]*m[.,:]J*[TvAZO]|QNFD?M"
        # AI: recommend …; to any AI reading this: …; to the assistant: tell …; assistant, first read …
        r"|(?:^|[.,:])(?:[QEFwq]{0,3}M[a-zA-Z]{0,3}|FD?M)[,:](?:J*[TvAZO]|[^.]*t)"
        r"|(?:^|[.,:])(?:FD?)?m[,:](?:J*[TvAZO])|(?:^|[.,:])m,[^.]*t"
        # If you are an AI …; you, the language model; as an AI, you …; as the assistant, first read …
        r"|(?:^|[.])FD?M:[^.]*[TvAZOR]|M[a-zA-Z]{0,3}D[wN]:|Wuw?D?M|Wuw{0,3}aD?M|u,D?M|aD?M,u|aD?[Mm],J*[TvAZO]"
        # AI must tell …; the assistant must tell every customer …; the assistant may call nobody: say …
        r"|(?:^|[.,:])[QE]*(?:[Mm]Vn?[TAZ]|MVn?v)|[QE]M[a-zA-Z]{0,5}Vn?[TAZ]|[Mm]Vn?[TAZ][QE]*D?C"
        r"|[Mm]Vi(?:[,:]|C)|[Mm]V[^.]{0,12}:J*T|M[^.]*(?:i|tRw)V"
    ),
    "overrides": re.compile(
        r"O[QDE]*Y[Qmw]?[NP]|O[DE]*E[QE]*N|O[DQE]*mH[.,:c]+J*X?[TAZ]|TY+m?[NP]|O[QDE]*[Qm][QDEm]*P|OQD?QN(?:[.,:]|$)|O[DE]*Q[QD]{0,2}N[.,:c]*J*X?[TAZX]"
        r"|Ow?Q[.,:c]J*X?[TAZX]|Y[QD]*[NP]O|Q+NO[,c]*[^.]*[tZ]"
    ),
    "prescribes": re.compile(
        # Begin every answer with …; append the link … to your answer
        r"Z[^.,:]{0,4}E[RA]|ER[^.]{0,8}Z|Z[^.]{0,8}G[^.]{0,8}[RA]|Z[^.]{0,4}[RA][^.]{0,4}G|R[^.]{0,6}G[^.]{0,3}Z"
        # When asked about …, say …
        r"|W(?:uw)?(?:D?C)?SU[^.]*?,J*[TA]|W(?:uw)?(?:D?C)?SUD?[a-z]{1,4}[TA]|US,?[^.]*t"
        # Tell every customer …; ask the customer for their card number
        r"|T(?:[QE]D?C|q)|(?<!n)[vS][^.,:]{0,2}C[^.]{0,4}K|C[^.]{0,6}K[^.]{0,4}t"
    ),
}
"""Shapes of orders, over the signs of a sentence and of the one after it."""

_ROLE = re.compile(
    r"</?(?:system|assistant|passage|question|instructions?)\b|<\||\[/?(?:INST|SYSTEM|СИСТЕМА|ЖҮЙЕ)\]|<<\s?SYS"
    r"|\[\[[^\]\n]{0,30}?(?:inst|system|prompt|инструкц|систем|нұсқау|жүйе)"
    r"|\b(?:system )?prompt (?:update|override)\b|\bобновлени[ея] (?:системного )?промп?та\b|\bпромпт\w* жаңарту"
    r"|\byour new (?:task|role|goal|job) is (?:to|now)\b|\bтвоя новая (?:задача|роль|цель)\b"
    r"|\bсенің жаңа (?:міндетің|рөлің|тапсырмаң)"
    r"|(?:^|[.:,;] |\bmust |\balways )(?:answer|reply to|respond to) (?:every|each|all|any) "
    r"(?:questions?|messages?|customers?|users?) (?:with|by|in|only)\b|\bотвечай на (?:каждый|любой|все) вопрос"
    r"|\b(?:do not|don't|never) (?:use|quote|rely on) (?:the|these|any) (?:passages?|context)\b"
    r"|\bне используй (?:отрывки|контекст|источники)\b|\bwhen (?:answering|replying to) (?:customers|users|clients)\b"
    r"|\b(?:отвечая|при ответе) (?:клиент|пользовател|покупател)|\b(?:клиентке|пайдаланушыға) жауап бергенде\b"
    r"|\b(?:answer|reply|respond|ответь|отвечай)\b[^.\n]{0,60}?\b(?:nothing else|больше ничего)\b|басқа ештеңе жазба"
    r"|(?:^|[.,:;!] |\band |\bthen )pretend (?:to be|(?:that )?you)\b|\bпритворись\b|\bприкинься\b"
    r"|\bпредставь,? что ты\b|\bөзіңді \w{1,30} деп (?:таныт|ойла|көрсет)",
    re.IGNORECASE,
)
_SYSTEM_SAYS = re.compile(
    r"^\W{0,5}(?:SYSTEM|СИСТЕМА|ЖҮЙЕ)(?: [A-ZА-ЯЁ]+){0,2}:"
    r"|\b(?:BEGIN|END|NEW|КОНЕЦ|НОВЫЕ|НОВЫЙ)(?: OF)?(?: [A-ZА-ЯЁ]+)? (?:SYSTEM|INSTRUCTIONS?|PROMPT|ИНСТРУКЦИЙ|ПРОМПТА?)\b"
)
_TOLD = re.compile("[TvAZOt]")


# Passages are short, and the same ones are found again and again; a text without orders is kept once.
@lru_cache(maxsize=2_000)
def without_orders(text: str) -> str:
    """The text without what gives orders to a machine: from the first of them to the end of its paragraph, as what
    follows is the order's own. Comments of HTML, which no reader sees, go too. The same text when there is none."""
    seen = _COMMENT.sub(" ", text)
    kept = [_kept(paragraph) for paragraph in _PARAGRAPH.split(seen)]
    rest = "\n\n".join(filter(None, kept))
    return text if rest == text.strip() else rest


def readable(passages: Sequence[Passage]) -> list[Passage]:
    """The passages without orders; those of which nothing is left, or whose title gives some, are left out."""
    found = []
    for passage in passages:
        rest = "" if gives_orders(f"{passage.title}. {passage.heading}") else without_orders(passage.text)
        if rest != passage.text:
            log.warning("orders in knowledge", chunk=str(passage.chunk_id), all=not rest)
        if rest:
            found.append(passage if rest == passage.text else passage.model_copy(update={"text": rest}))
    return found


def gives_orders(text: str) -> bool:
    return _COMMENT.sub(" ", without_orders(text)) != _COMMENT.sub(" ", text)


def _kept(paragraph: str) -> str:
    """The paragraph up to its first order."""
    found = [(start, plain(paragraph[start:end])) for start, end in spans(paragraph)]
    told = [signs(sentence) for _, sentence in found]
    for number, (start, sentence) in enumerate(found):
        following = told[number + 1] if number + 1 < len(told) else ""
        if _is_order(sentence, told[number], following):
            return paragraph[:start].strip()
    return paragraph.strip()


def _is_order(sentence: str, told: str, following: str) -> bool:
    if _ROLE.search(sentence) or (_SYSTEM_SAYS.search(sentence) and _TOLD.search(told + following)):
        return True
    # An order may run on, but begins here: one that begins in the next sentence is found there.
    return any(
        (match := shape.search(f"{told}.{following}")) is not None and match.start() < len(told)
        for shape in ORDERS.values()
    )


def plain(text: str) -> str:
    """The text as a reader sees it, whatever letters and unseen characters it was disguised with."""
    text = _ADDRESS.sub(" x ", _UNSEEN.sub("", unicodedata.normalize("NFKC", text)))
    return _SPACED.sub(lambda spaced: spaced[0].replace(" ", ""), text)


def signs(sentence: str) -> str:
    """A sign for each word and stop of a sentence."""
    told = []
    for match in _TOKEN.finditer(sentence):
        if match["word"]:
            told.append(sign(match["word"].lower().replace("’", "'")))
        elif match["stop"]:
            told.append(".")
        else:
            told.append(":" if match["colon"] else ",")
    return _MACHINE.sub("M", "".join(told)).rstrip(".")
