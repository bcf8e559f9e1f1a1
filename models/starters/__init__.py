"""Assistants to begin with: by industry and language, kept beside this file as TOML."""

import tomllib
from importlib import resources

from models.contracts.assistants import Assistant
from models.contracts.enums import Language
from models.contracts.settings import Strict


class Starter(Strict):
    """An assistant that fits most companies of an industry."""

    industry: str
    language: Language
    name: str
    assistant: Assistant


def _load() -> tuple[Starter, ...]:
    found = []
    for language in Language:
        text = resources.files(__name__).joinpath(f"{language}.toml").read_text("utf-8")
        for industry, given in tomllib.loads(text).items():
            name = given.pop("name")
            greeting = {language: given.pop("greeting")}
            found.append(
                Starter(
                    industry=industry,
                    language=language,
                    name=name,
                    assistant=Assistant(**given, greeting=greeting),
                )
            )
    return tuple(found)


ALL = _load()
"""Every industry in every language."""
