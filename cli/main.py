"""The `mainstay` command.

A command is a function in its own file, added to the table below. Heavy modules are imported inside the functions:
`--help` must not wait for Temporal and the models.
"""

import os
import sys
from typing import NoReturn

import typer

from cli import (
    api,
    apikey,
    ask,
    assistant,
    audit,
    channels,
    chat,
    codec,
    crawl,
    customers,
    demo,
    desks,
    doctor,
    escalations,
    evaluate,
    gaps,
    kb,
    keys,
    learned,
    member,
    migrate,
    models,
    policy,
    reindex,
    tenant,
    up,
    usage,
    worker,
)
from cli.context import OK, describe_failure

app = typer.Typer(
    name="mainstay",
    help="Customer support that never drops a customer.",
    no_args_is_help=True,
    add_completion=False,
    # Its tracebacks print local variables: customers' texts and passwords.
    pretty_exceptions_enable=False,
)
app.command()(up.up)
app.command()(api.api)
app.command()(worker.worker)
app.command()(migrate.migrate)
app.command()(doctor.doctor)
app.command()(demo.demo)
app.command("eval")(evaluate.evaluate)
app.command()(ask.ask)
app.command()(chat.chat)
app.command()(usage.usage)
app.command()(models.models)
app.add_typer(tenant.app, name="tenant")
app.add_typer(customers.app, name="customers")
app.add_typer(member.app, name="member")
app.add_typer(apikey.app, name="apikey")
app.add_typer(escalations.app, name="escalations")
app.add_typer(policy.app, name="policy")
app.add_typer(channels.app, name="channels")
app.add_typer(desks.app, name="desks")
app.add_typer(kb.app, name="kb")
kb.app.command()(gaps.gaps)
kb.app.command()(gaps.health)
kb.app.command()(crawl.crawl)
kb.app.add_typer(crawl.crawls, name="crawls")
app.add_typer(learned.app, name="learned")
kb.app.command()(reindex.reindex)
kb.app.add_typer(reindex.schedule, name="schedule")
app.add_typer(assistant.app, name="assistant")
app.add_typer(audit.app, name="audit")
app.add_typer(keys.app, name="keys")
app.add_typer(codec.app, name="codec")


def main() -> NoReturn:
    """Run the command line and leave with its exit code: 0 done, 1 failed, 2 wrong usage."""
    # Before numerical libraries load: one thread each is far quicker than several that fight over the same cores.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        app()
        code: int | str | None = OK
    except SystemExit as leaving:
        code = leaving.code
    except Exception as error:  # noqa: BLE001  # the outermost frame: nobody further out could handle it
        code = describe_failure(error)
    sys.stdout.flush()
    sys.stderr.flush()
    # Not sys.exit: a native thread of the Temporal SDK that outlives the interpreter aborts the process
    # (temporalio/sdk-python#300) and would turn success into exit code 134.
    os._exit(code if isinstance(code, int) else OK)
