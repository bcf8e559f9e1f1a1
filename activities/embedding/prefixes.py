"""What a model wants written before a question or a passage, by the model's card.

Models of the e5 and nomic families were trained with a prefix and rank markedly worse without it; neither Ollama,
nor an OpenAI-compatible server, nor TEI adds it unless told to.
"""

from typing import NamedTuple


class Prefixes(NamedTuple):
    query: str
    passage: str


def prefixes_of(model: str) -> Prefixes:
    name = model.lower()
    if "e5" in name and "instruct" not in name:
        return Prefixes("query: ", "passage: ")
    if "nomic-embed" in name:
        return Prefixes("search_query: ", "search_document: ")
    return Prefixes("", "")
