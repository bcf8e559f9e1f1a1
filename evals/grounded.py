"""Whether a reply stands in what the company has written, apart from the product's own guard where that can be."""

from collections.abc import Mapping
from uuid import NAMESPACE_URL, uuid5

from activities.guards import grounding
from activities.language.sentences import sentences
from activities.understanding.language import detect
from evals.words import plain
from models.contracts.enums import Language
from models.contracts.knowledge import Passage


class Knowledge:
    """The documents of a suite, by name."""

    def __init__(self, documents: Mapping[str, str]) -> None:
        self._words = [f" {plain(text)} " for text in documents.values()]
        self._passages = [_passage(name, text) for name, text in documents.items()]

    def holds_quote(self, reply: str) -> bool:
        """Every sentence of a quote stands somewhere, word for word. Its first line only names the source."""
        _, _, quoted = reply.partition("\n")
        said = [plain(sentence) for sentence in sentences(quoted or reply)]
        return all(any(f" {sentence} " in text for text in self._words) for sentence in said if sentence)

    async def supports(self, reply: str, question: str, language: Language) -> bool:
        """Whether a written answer says nothing that no document says."""
        checked = await grounding.check(reply, self._passages, question, language=language)
        return checked.grounded


def _passage(name: str, text: str) -> Passage:
    made_up = uuid5(NAMESPACE_URL, name)
    return Passage(
        chunk_id=made_up,
        document_id=made_up,
        title=name,
        text=text,
        language=detect(text),
        similarity=0,
        score=0,
    )
