"""Search attributes of our workflows: what operators filter by in the Temporal UI.

Plain text on the server even where payloads are encrypted, so: ids and states, never customers' words.
"""

from typing import Literal

SEARCH_ATTRIBUTES: dict[str, Literal["Keyword", "Int"]] = {
    "TenantId": "Keyword",
    "ConversationState": "Keyword",
    "Channel": "Keyword",
    "EscalationStatus": "Keyword",
    "Priority": "Int",
}
