"""`mainstay channels`: the accounts that customers write to."""

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from cli.channel_steps import is_public, place, steps
from cli.channel_trial import ARRIVED, Trial
from cli.context import FAILED, AsJson, console, errors, print_json
from cli.remote import remote
from runtime.errors import OperatorError

if TYPE_CHECKING:
    from cli.http import Api

PATH = "/v1/channel-accounts"
ASKED = ("telegram", "whatsapp_cloud", "chatflow", "email")
"""Providers that can be asked whether an account lives."""
COLORS = {"ok": "green", "away": "yellow", "dead": "red", "unchecked": "dim"}

app = typer.Typer(no_args_is_help=True, help="Accounts that customers write to: bots, numbers, mailboxes, sites.")
add = typer.Typer(no_args_is_help=True, help="Add an account, and see what it still lacks.")
app.add_typer(add, name="add")

Which = Annotated[str, typer.Argument(metavar="ACCOUNT", help="The account's id, or its name.")]
Name = Annotated[str, typer.Option(help="What you call it.")]
Branch = Annotated[str | None, typer.Option(help="Id of the branch that it belongs to. Default: the first one.")]
Webhook = Annotated[
    bool,
    typer.Option(
        "--webhook/--poll", help="Be told of messages, for which the provider must reach this server; or ask."
    ),
]


@app.command("list")
@remote
def list_accounts(api: "Api", as_json: AsJson = False) -> None:
    """Show all accounts and whether they live."""
    found = list(api.pages(PATH))
    if as_json:
        print_json(found)
        return
    table = Table("name", "provider", "state", "id", box=None)
    for account in found:
        table.add_row(account["name"], account["provider"], _state(account), account["id"])
    console.print(table)


@app.command()
@remote
def show(api: "Api", which: Which, as_json: AsJson = False) -> None:
    """Show one account: whether it lives, what it lacks, and what is on its way."""
    found = api.get(f"{PATH}/{_id(api, which)}")
    if as_json:
        print_json(found)
        return
    _tell(found)
    sends = ", ".join(f"{number} {status}" for status, number in found["sends"].items()) or "nothing yet"
    console.print(f"messages: {sends}")
    heard = found["last_heard"]
    console.print(f"last message in: {'none yet' if heard is None else heard['at']}")
    if found["unreadable"]:
        console.print(f"put aside, because nobody could read it: {found['unreadable']}")


@app.command()
@remote
def check(
    api: "Api",
    which: Which,
    take_over: Annotated[
        bool, typer.Option("--take-over", help="Have the provider deliver to no other program any more.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Ask the provider whether an account lives, and set up what it needs. Exits with 1 if it does not live."""
    with console.status("Asking the provider"):
        found = api.post(f"{PATH}/{_id(api, which)}/check", {"take_over": take_over})
    if as_json:
        print_json(found)
    else:
        _tell(found)
    if found["health"] != "ok":
        raise typer.Exit(FAILED)


@app.command("test")
@remote
def trial(
    api: "Api",
    which: Which,
    seconds: Annotated[
        int, typer.Option(min=1, max=3600, help="How long to wait for your message, and then for its answer.")
    ] = 120,
    as_json: AsJson = False,
) -> None:
    """Write to an account as a customer would, and see your message come in and its answer go out. Exits with 1 if
    either does not happen."""
    path = f"{PATH}/{_id(api, which)}"
    account = api.get(path)
    if account["provider"] in ASKED:
        with console.status("Asking the provider"):
            account = api.post(f"{path}/check")
    if account["disabled"] or account["health"] in ("away", "dead"):
        _tell(account)
        raise typer.Exit(FAILED)
    follow = Trial(api, path, seconds)
    before = follow.heard()
    errors.print(f"Write to {place(account)} now, as a customer would.", markup=False)
    with errors.status("Waiting for your message"):
        heard = follow.next_heard(before)
    if heard is None:
        raise OperatorError(
            f"nothing came in {seconds} s: `mainstay channels show {which}` and `mainstay doctor` tell what may be wrong"
        )
    errors.print("It came in.")
    with errors.status("Waiting for its answer"):
        answer = follow.answer(heard)
    if answer is None and not follow.has_person(heard):
        raise OperatorError(f"no answer was sent in {seconds} s: `mainstay doctor` tells what may be wrong")
    if as_json:
        print_json({"heard": heard, "answer": answer})
    elif answer is None:
        console.print("A person has taken this conversation, so nothing is answered by itself.")
    else:
        console.print(_delivered(answer["delivery"]))
    if answer is not None and answer["delivery"] is not None and answer["delivery"]["status"] not in ARRIVED:
        raise typer.Exit(FAILED)


@app.command()
@remote
def retry(api: "Api", which: Which, as_json: AsJson = False) -> None:
    """Send again what failed, or what nobody knows the fate of: of the latter a customer may get a second copy."""
    found = api.post(f"{PATH}/{_id(api, which)}/retry", {})
    if as_json:
        print_json(found)
    else:
        console.print(f"{found['queued']} messages are queued again.")


@app.command()
@remote
def disable(api: "Api", which: Which) -> None:
    """Take nothing in, and send nothing, until it is enabled again. What is queued waits."""
    _tell(api.call("PATCH", f"{PATH}/{_id(api, which)}", json={"disabled": True}))


@app.command()
@remote
def enable(api: "Api", which: Which) -> None:
    """Work for a disabled account again."""
    _tell(api.call("PATCH", f"{PATH}/{_id(api, which)}", json={"disabled": False}))


@app.command()
@remote
def remove(api: "Api", which: Which) -> None:
    """Remove an account that has no conversations; one that has can be disabled."""
    api.delete(f"{PATH}/{_id(api, which)}")
    console.print("Removed.")


@add.command()
@remote
def telegram(
    api: "Api",
    token: Annotated[
        str,
        typer.Option(
            prompt="Token from BotFather",
            hide_input=True,
            help="As @BotFather gives it (/newbot, or /mybots). Asked for, unseen, if you leave it out.",
        ),
    ],
    name: Name = "telegram",
    branch: Branch = None,
    webhook: Webhook = False,
    desk_only: Annotated[
        bool, typer.Option("--desk-only", help="It only serves a desk of managers, and answers no customers.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Add a Telegram bot. Make one with @BotFather first. Without --webhook no public address is needed."""
    settings = {"receive": "webhook" if webhook else "poll", "customers": not desk_only}
    _added(api, "telegram", name, branch, settings, {"token": token}, as_json=as_json)


@add.command()
@remote
def whatsapp(
    api: "Api",
    phone_number_id: Annotated[str, typer.Option(help="Meta's id of the number: WhatsApp > API Setup in your app.")],
    access_token: Annotated[
        str,
        typer.Option(
            prompt=True, hide_input=True, help="Of a system user of yours at Meta, permanent. Asked for if left out."
        ),
    ],
    app_secret: Annotated[
        str,
        typer.Option(
            prompt=True, hide_input=True, help="Of your app (App settings > Basic): it signs deliveries. Asked for."
        ),
    ],
    verify_token: Annotated[
        str,
        typer.Option(prompt=True, hide_input=True, help="A word that you invent, and tell Meta too. Asked for."),
    ],
    template: Annotated[
        str | None, typer.Option(help="Approved template to send where the 24-hour window is closed.")
    ] = None,
    template_language: Annotated[str, typer.Option(help="The template's language, as Meta calls it.")] = "en",
    template_parameters: Annotated[
        list[str] | None,
        typer.Option("--template-parameter", help="What stands for {{1}} in it, then for {{2}}; repeatable."),
    ] = None,
    name: Name = "whatsapp",
    branch: Branch = None,
    as_json: AsJson = False,
) -> None:
    """Add a WhatsApp number of Meta's Cloud API. Meta delivers to a public address (MAINSTAY_PUBLIC_URL)."""
    settings = {
        "phone_number_id": phone_number_id,
        "template": template,
        "template_language": template_language,
        "template_parameters": template_parameters or [],
    }
    credentials = {"access_token": access_token, "app_secret": app_secret, "verify_token": verify_token}
    _added(api, "whatsapp_cloud", name, branch, settings, credentials, as_json=as_json)


@add.command()
@remote
def chatflow(
    api: "Api",
    instance_id: Annotated[str, typer.Option(help="ChatFlow's id of the instance, from its dashboard.")],
    token: Annotated[
        str, typer.Option(prompt=True, hide_input=True, help="ChatFlow's token, from there too. Asked for if left out.")
    ],
    name: Name = "chatflow",
    branch: Branch = None,
    as_json: AsJson = False,
) -> None:
    """Add a WhatsApp number through ChatFlow, which delivers to a public address (MAINSTAY_PUBLIC_URL)."""
    _added(api, "chatflow", name, branch, {"instance_id": instance_id}, {"token": token}, as_json=as_json)


@add.command()
@remote
def email(
    api: "Api",
    address: Annotated[str, typer.Option(help="Of the mailbox: customers write there, and get answers from it.")],
    smtp: Annotated[str, typer.Option(metavar="HOST[:PORT]", help="Server that sends; port 465 unless you say.")],
    password: Annotated[
        str,
        typer.Option(
            prompt=True, hide_input=True, help="Often one made for this (app password). Asked for if left out."
        ),
    ],
    imap: Annotated[
        str | None, typer.Option(metavar="HOST[:PORT]", help="Server that keeps the mailbox; port 993 unless you say.")
    ] = None,
    security: Annotated[str, typer.Option(help="Of both servers: tls, starttls or none.")] = "tls",
    username: Annotated[str | None, typer.Option(help="If it is not the address.")] = None,
    sender_name: Annotated[str, typer.Option(help="What people see before the address.")] = "",
    signature: Annotated[str, typer.Option(help="Below each mail.")] = "",
    folder: Annotated[str, typer.Option(help="Where mails are read.")] = "INBOX",
    name: Name = "email",
    branch: Branch = None,
    as_json: AsJson = False,
) -> None:
    """Add a mailbox. Without --imap, a mail provider of yours posts what arrives to the address that is shown."""
    settings: dict[str, Any] = {
        "address": address,
        "receive": "webhook" if imap is None else "poll",
        "username": username,
        "sender_name": sender_name,
        "signature": signature,
        "folder": folder,
        **_server("smtp", smtp, security),
        **({} if imap is None else _server("imap", imap, security)),
    }
    _added(api, "email", name, branch, settings, {"password": password}, as_json=as_json)


@add.command()
@remote
def web(
    api: "Api",
    origins: Annotated[
        list[str], typer.Option("--origin", help="Site that may open the widget, as https://shop.example; repeatable.")
    ],
    title: Annotated[str, typer.Option(help="What stands above the conversation.")] = "",
    name: Name = "site",
    branch: Branch = None,
    as_json: AsJson = False,
) -> None:
    """Add a site with the widget."""
    _added(api, "web", name, branch, {"origins": origins, "title": title}, None, as_json=as_json)


def _server(which: str, given: str, security: str) -> dict[str, Any]:
    """Settings of a server given as `host` or `host:port`. Raises OperatorError."""
    host, _, port = given.partition(":")
    if port and not port.isdecimal():
        raise OperatorError(f"--{which} must be a host, or host:port, as mail.example.com:587")
    settings: dict[str, Any] = {f"{which}_host": host, f"{which}_security": security}
    return {**settings, f"{which}_port": int(port)} if port else settings


def _added(
    api: "Api",
    provider: str,
    name: str,
    branch: str | None,
    settings: dict[str, Any],
    credentials: dict[str, Any] | None,
    *,
    as_json: bool,
) -> None:
    body: dict[str, Any] = {"provider": provider, "name": name, "settings": settings}
    if branch is not None:
        body["branch_id"] = branch
    if credentials is not None:
        body["credentials"] = credentials
    with console.status("Asking the provider"):
        found = api.post(PATH, body)
        if provider == "telegram" and (url := found["webhook_url"]) is not None and not is_public(url):
            polls = {"settings": {**settings, "receive": "poll"}}
            found |= api.call("PATCH", f"{PATH}/{found['id']}", json=polls) | {"webhook_url": None}
            errors.print(f"Telegram cannot deliver to {url}, which is not public. It is asked instead.", soft_wrap=True)
    if as_json:
        print_json(found)
        return
    _tell(found)
    for sentence in steps(found):
        console.print(sentence, soft_wrap=True, markup=False, highlight=False)


def _tell(account: dict[str, Any]) -> None:
    """One line about the account, and what a person can do about it."""
    console.print(f"{account['name']} ({account['provider']}): {_state(account)}")
    for sentence in account["advice"]:
        errors.print(f"  - {sentence}", markup=False)


def _delivered(delivery: dict[str, Any] | None) -> str:
    if delivery is None:
        return "Its answer is there."
    error = f" ({delivery['error']})" if delivery["error"] else ""
    return f"Its answer is {delivery['status']}{error}."


def _state(account: dict[str, Any]) -> str:
    """Whether it lives, and a word for what is wrong with it."""
    state = "disabled" if account["disabled"] else account["health"]
    code = f" ({account['health_code']})" if account["health_code"] else ""
    return f"[{COLORS.get(state, 'dim')}]{state}[/]{code}"


def _id(api: "Api", which: str) -> str:
    """Raises OperatorError when there is no such account, or several."""
    found = [each for each in api.pages(PATH) if which in (each["id"], each["name"])]
    if len(found) != 1:
        what = "no channel account" if not found else f"{len(found)} channel accounts"
        raise OperatorError(f"there is {what} of the name or id {which}: see `mainstay channels list`")
    return str(found[0]["id"])
