"""Meta's WhatsApp Cloud API as a real server: numbers, people, files, the 24-hour window, and judged requests.

    async with FakeCloud() as cloud:                            # cloud.url in place of https://graph.facebook.com
        number = cloud.add_number()                             # number.id, .access_token, .app_secret, .verify_token
        aida = cloud.person("Aida")
        assert await cloud.subscribe(number, f"{ours}/webhook") # with Meta's challenge; then notices are posted, signed
        cloud.says(number, aida, "Where is my order?")
        [reply] = await cloud.sent(aida, within=10)             # reply.text, .buttons, .template, .data, .request
        cloud.reports(reply, "delivered", "sent", "read")
        cloud.presses(reply, aida, "yes")
        cloud.passes(timedelta(hours=25))                       # now only templates: 131047
        assert cloud.wrong == []                                # nothing that the schema forbids was asked for

    cloud.world.templates["order_ready", "ru"] = 1              # and how many words go into it
    cloud.world.late.add(131_047)                               # accept, and tell of it by a status "failed"
    cloud.faults.add(too_many(code=131_056), method="POST messages", chat=aida.id)
    number.outbox.held = True                                   # deliver by hand: twice, shuffled, in one batch
    await number.outbox.deliver([batch(number.outbox.made)], times=2)

Calls are named "POST messages", "POST read", "POST media", "GET file", "DELETE file", "GET number" and "download".
"""

from tests.fakes.whatsapp_cloud.fake import FakeCloud
from tests.fakes.whatsapp_cloud.notices import batch
from tests.fakes.whatsapp_cloud.world import Number, Person, Sent

__all__ = ["FakeCloud", "Number", "Person", "Sent", "batch"]
