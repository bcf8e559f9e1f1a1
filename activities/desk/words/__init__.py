"""What a desk says to managers, kept beside this file as TOML, a file for each language."""

import tomllib
from importlib import resources

from pydantic import BaseModel, ConfigDict

from models.contracts.channels import MediaKind
from models.contracts.desk import Review, Said
from models.contracts.enums import ChannelKind, Command, EscalationReason, EscalationStatus, Language


class Words(BaseModel):
    """The words of one language. A file that lacks one, or holds one too many, fails at import.

    Of `said`: {name} is a member, {code} why something did not go, {owners} are people's names, {branch} the desk's.
    `causes` say what the codes of that mean; one that is in none of them is shown as it is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    request: str
    verified: str
    nobody: str
    customer: str
    bot: str
    manager: str
    edited: str
    deleted: str
    unshown: str
    learned_question: str
    learned_answer: str
    learned_differs: str
    reasons: dict[EscalationReason, str]
    statuses: dict[EscalationStatus, str]
    buttons: dict[Command, str]
    reviews: dict[Review, str]
    channels: dict[ChannelKind, str]
    kinds: dict[MediaKind, str]
    unshown_kinds: dict[str, str]
    causes: dict[str, str]
    said: dict[Said, str]


def _load(language: Language) -> Words:
    text = resources.files(__name__).joinpath(f"{language}.toml").read_text("utf-8")
    return Words.model_validate(tomllib.loads(text))


WORDS = {language: _load(language) for language in Language}
