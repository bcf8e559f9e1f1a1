"""Sends one mail. A mail server may be away for an hour; after that reconcile starts the mail again."""

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from models.contracts.mail import MAIL, SEND_MAIL, Mailed, MailInput
    from workflows.calls import call


@workflow.defn(name=MAIL.name)
class MailWorkflow:
    """See the module."""

    @workflow.run
    async def run(self, start: MailInput) -> Mailed:
        workflow.set_current_details("Sending a mail to a member.")
        try:
            return await call(SEND_MAIL, start, start.tenant_id)
        except ActivityError:
            return Mailed(sent=False)
