"""One mail to one member: the row says why and to whom, the token in it is made when it is sent."""

from uuid import UUID

from models.contracts.base import Activity, Frozen, Workflow


class MailInput(Frozen):
    tenant_id: UUID
    mail_id: UUID


class Mailed(Frozen):
    """`sent` False: there is nobody to send it to any more, it was refused for good, or the server stayed away for so
    long that another run must take it up (see ReconcileWorkflow)."""

    sent: bool


MAIL = Workflow("mail", MailInput, Mailed)
SEND_MAIL = Activity("send_mail", MailInput, Mailed)
