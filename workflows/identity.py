"""Sends a customer a code that another system asked for. One that a conversation asks for is sent by that."""

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from models.contracts.privacy import IDENTITY_CODE, SEND_CODE, CodeSent, SendCodeInput, SendOutcome
    from workflows.calls import call


@workflow.defn(name=IDENTITY_CODE.name)
class IdentityCodeWorkflow:
    """See the module."""

    @workflow.run
    async def run(self, start: SendCodeInput) -> CodeSent:
        workflow.set_current_details("Sending a customer a code.")
        try:
            return await call(SEND_CODE, start, start.tenant_id)
        except ActivityError:
            return CodeSent(outcome=SendOutcome.REFUSED)
