"""The Bot API of Telegram as a real server: many bots, people, groups with topics, and judged requests.

    async with FakeTelegram() as telegram:                      # telegram.url in place of https://api.telegram.org
        bot = telegram.add_bot()                                # bot.token, bot.id, bot.username
        aida = telegram.person("Aida", language="ru")
        telegram.says(bot, aida, "Where is my order?")          # waits for getUpdates, or goes to the webhook
        [reply] = await telegram.sent(aida, within=10)          # reply.text, .buttons, .topic, .data, .message
        query = telegram.presses(reply, aida, "yes")
        await telegram.answered(query)
        assert telegram.wrong == []                             # nothing that the schema forbids was asked for

    desk = telegram.group("Desk", forum=True)
    telegram.joins(bot, desk, owner, Membership("administrator", manages_topics=True))
    telegram.says(desk, manager, "On its way", topic=thread, photo=PNG)
    telegram.creates_topic, closes_topic, deletes_topic, switches_topics, migrates, blocks, unblocks, edits, sends_album

    telegram.faults.add(drop_after(), method="sendMessage", chat=aida.id)      # tests/fakes/faults.py has them all
    telegram.world.limits = Limits()                            # 429 for whoever is too fast; limits.refused counts
    bot.mailbox.held = True                                     # deliver by hand: twice, shuffled, eight at once
    await bot.mailbox.deliver(shuffled(bot.mailbox.made), times=2, at_once=8)
    telegram.calls, await telegram.called("sendChatAction"), await telegram.taken(bot)

What it refuses, it refuses in Telegram's words (facts from the Bot API's manual and its open server, 2026). parse_mode
is HTML or none. It has no channels, no inline mode and no payments. A press of a button must be answered within
`world.callback_seconds`.
"""

from tests.fakes.telegram.fake import FakeTelegram
from tests.fakes.telegram.limits import Limits
from tests.fakes.telegram.world import Bot, Group, Membership, Person, Sent
from tests.fakes.upload import Upload

__all__ = ["Bot", "FakeTelegram", "Group", "Limits", "Membership", "Person", "Sent", "Upload"]
