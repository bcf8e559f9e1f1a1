"""Runs that began before payloads were encrypted go on after: recorded histories are plain, workers encrypt."""

import pytest
from temporalio.worker import Replayer

from models.contracts.routing import tenant_of
from runtime.crypto.codec import EncryptionCodec
from runtime.temporal import data_converter
from tests.keys import Keys
from tests.replay import histories
from tests.replay.test_replay import WORKFLOWS


@pytest.mark.parametrize("name", histories.names())
async def test_a_plain_run_replays_where_payloads_are_encrypted(name: str) -> None:
    converter = data_converter(EncryptionCodec(Keys(), tenant_of))
    replayer = Replayer(workflows=WORKFLOWS, data_converter=converter)
    result = await replayer.replay_workflow(histories.load(name), raise_on_replay_failure=False)
    assert result.replay_failure is None
