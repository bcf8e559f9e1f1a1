"""What a passage states and an answer claims, cut into what can be compared (`activities.guards.proof`)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from activities.language.content import content
from activities.language.quantities import Quantity, quantities
from activities.language.relations import Relation, denies, plainly, relations
from activities.language.sentences import sentences

_CLAUSE = re.compile(
    r"[,:().!?]\s|\s(?=(?:and|but|while|whereas|unless|except|if|или|и|а|но|если|кроме|және|ал|бірақ|егер)\s)",
    re.IGNORECASE,
)
_REFERS = re.compile(
    r"(?:it|they|this|these|those|he|she|он|она|оно|они|это|эта|этот|эти|его|её|их|ол|олар|бұл|оны|оларды|оның)\b",
    re.IGNORECASE,
)
_JOINED = re.compile(
    r",\s(?:and|but|while|а|и|но)\s(?P<subject>[^,.;]{3,60}?)(?=\s(?:may|can|cannot|must|is|are|has|have|costs?|takes?|will"
    r"|можно|нельзя|стоит|стоят|занимает|работает|работают|действует|составляет)\s)",
    re.IGNORECASE,
)
_ITEM = re.compile(r"[ \t]{0,12}(?:[-*•–]|\d{1,2}[.)])\s")
_ENDING = 2
"""Letters by which stems of one word may differ."""


@dataclass(frozen=True)
class Statement:
    """A sentence, or what is read together, with what can be compared of it. `context` has stems that hold beside it."""

    text: str
    context: frozenset[str] = frozenset()
    renamed: tuple[tuple[str, str], ...] = ()

    @cached_property
    def ordered(self) -> tuple[str, ...]:
        names = dict(self.renamed)
        return tuple(names.get(root, root) for root in content(self.text))

    @cached_property
    def stems(self) -> frozenset[str]:
        return frozenset(self.ordered)

    @property
    def says_something(self) -> bool:
        return bool(self.stems or self.amounts)

    @cached_property
    def amounts(self) -> frozenset[Quantity]:
        return frozenset(quantities(self.text))

    @cached_property
    def relations(self) -> list[frozenset[Relation]]:
        return relations(plainly(self.text))

    @cached_property
    def denial(self) -> tuple[bool, bool]:
        """Whether it says no, and whether it says closed."""
        return denies(plainly(self.text)), any(Relation.CLOSED in meant for meant in self.relations)

    @staticmethod
    def denied_by(statements: Sequence["Statement"]) -> tuple[bool, bool]:
        return any(each.denial[0] for each in statements), any(each.denial[1] for each in statements)

    @cached_property
    def clauses(self) -> tuple["Statement", ...]:
        """Its parts. One that names nothing goes with the part before: "and costs 990 ₸"."""
        found: list[Statement] = []
        for piece in _CLAUSE.split(self.text):
            clause = Statement(piece.strip(), renamed=self.renamed)
            if found and not clause.stems and not clause.relations:
                found[-1] = replace(clause, text=f"{found[-1].text} {clause.text}")
            elif clause.says_something:
                found.append(clause)
        return tuple(found) or (self,)

    def in_words_of(self, other: "Statement") -> "Statement":
        """The same with the other's stems, where an ending was taken from one word and not from its other form."""
        roots = other.stems | other.context
        names = {
            root: near
            for root in self.stems - roots
            for near in roots
            if abs(len(root) - len(near)) <= _ENDING and (root.startswith(near) or near.startswith(root))
        }
        return replace(self, renamed=tuple(names.items())) if names else self


def parts(text: str) -> list[str]:
    """The sentences of a text, and what semicolons part, which share no subject."""
    return [
        part
        for sentence in sentences(text)
        for part in ([sentence] if fields_of(sentence) else re.split(r";\s", sentence))
    ]


def fields_of(sentence: str) -> list[tuple[str, str]]:
    """Names and values of a row of a table, as ingestion writes it: "City: Astana; Price: 1,490 ₸". None: no row."""
    found = [field.partition(": ") for field in sentence.split("; ")]
    return [(name, value) for name, _, value in found] if len(found) > 1 and all(value for *_, value in found) else []


def claims_of(answer: str) -> list[tuple[str, Statement]]:
    """What an answer claims: each part word for word, and with the part before where it refers to that."""
    said = [claim for part in parts(answer) for claim in _apart(part)]
    return [
        (part, Statement(f"{said[number - 1]} {part}" if number and _REFERS.match(part) else part))
        for number, part in enumerate(said)
    ]


def _apart(part: str) -> list[str]:
    """Main clauses that a comma and a conjunction join: a second one has a subject and a verb of its own."""
    begun = 0
    found = []
    for match in _JOINED.finditer(part):
        if any(content(match["subject"])):
            found.append(part[begun : match.start()])
            begun = match.start("subject")
    return [*found, part[begun:]]


def statements(title: str, heading: str, text: str) -> list[Statement]:
    """What a passage states: each sentence, with the one before where it refers to it; a list with its introduction."""
    context = frozenset(content(f"{title}\n{heading}"))
    found = [Statement(said) for said in (title, heading) if said]
    for paragraph in re.split(r"\n\s*\n", text):
        said = parts(paragraph)
        for number, sentence in enumerate(said):
            refers = number > 0 and _REFERS.match(sentence) is not None
            found.append(Statement(f"{said[number - 1]} {sentence}" if refers else sentence, context))
        if any(_ITEM.match(sentence) for sentence in said):
            found.append(Statement(" ".join(said), context))
    return found
