"""Whether a phone number can do what is needed of it, and what its owner can do where it cannot."""

from activities.channels.port import ChannelError, TryLaterError
from activities.channels.whatsapp_cloud.graph import Graph
from models.contracts.accounts import CloudSettings
from models.contracts.channels import Health, HealthState

FIELDS = "verified_name,display_phone_number,quality_rating,name_status"

REFUSALS = {
    "token_refused": "Meta refuses the access token: make a permanent one for a system user, and set it anew.",
    "permission_missing": "The access token lacks a permission: give its system user this WhatsApp account, "
    "and the permission whatsapp_business_messaging.",
    "number_unknown": "The token cannot see this phone_number_id: copy the id (not the number itself) from "
    "WhatsApp > API Setup, and see that the token's system user may use that account.",
    "account_locked": "Meta has locked the account: see Account Quality in the Business Manager.",
    "account_restricted": "Meta has restricted the account: see Account Quality in the Business Manager.",
    "payment_missing": "Meta cannot bill the account: see Payment Settings in the Business Manager.",
    "number_not_registered": "The number is not registered: register it under WhatsApp > API Setup.",
    "name_not_approved": "Meta has not approved the display name: see Phone Numbers in WhatsApp Manager.",
}
UNKNOWN_REFUSAL = "Meta refuses the account: see WhatsApp Manager for what is wrong."
AWAY = "Meta does not answer; what is to be sent waits. See metastatus.com if it lasts."
NO_TEMPLATE = "No template is set: nobody can be written to from 24 hours after their last message on."
LOW_QUALITY = "Customers block or report this number: Meta will restrict it unless fewer of them do."
NAME_DECLINED = "Meta has declined the display name: choose another one in WhatsApp Manager."


def advice(code: str) -> tuple[str, ...]:
    return (REFUSALS.get(code, UNKNOWN_REFUSAL),)


async def check(graph: Graph, settings: CloudSettings) -> Health:
    try:
        number = await graph.get(settings.phone_number_id, fields=FIELDS)
    except TryLaterError as error:
        return Health(state=HealthState.AWAY, code=error.code, advice=(AWAY,))
    except ChannelError as error:
        return Health(state=HealthState.DEAD, code=error.code, advice=advice(error.code))
    lacks = {
        LOW_QUALITY: number.get("quality_rating") in ("RED", "YELLOW"),
        NAME_DECLINED: number.get("name_status") == "DECLINED",
        NO_TEMPLATE: settings.template is None,
    }
    called = [text for name in ("verified_name", "display_phone_number") if isinstance(text := number.get(name), str)]
    return Health(
        state=HealthState.OK,
        advice=tuple(sentence for sentence, holds in lacks.items() if holds),
        external_id=settings.phone_number_id,
        name=" ".join(called) or None,
    )
