"""What identifies a person or their money is taken out of a text before it leaves for a model (ADR 0034).

Time is linear in the text's length, whatever it holds: every pattern is bounded, and no candidate is looked at twice.
"""

from activities.masking import identifiers, phones
from models.contracts.enums import Language
from models.contracts.settings import Masking


def mask(text: str, masking: Masking, language: Language) -> str:
    """`text` with `[card]`, `[iban]`, `[id]`, `[email]` and `[phone]` in place of what `masking` asks for.

    `language` is the tenant's: it says how people there write a phone number without its country.
    """
    # A placeholder holds no digit and no @, so what is found first cannot be found again as something else.
    if masking.email:
        text = identifiers.without_emails(text)
    if masking.iban:
        text = identifiers.without_ibans(text)
    if masking.card:
        text = identifiers.without_cards(text)
    if masking.national_id:
        text = identifiers.without_national_ids(text)
    if masking.phone:
        text = phones.without_phones(text, language)
    return text
