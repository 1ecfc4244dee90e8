"""`carddav-msg view`: which users and which fields the directory shows to whom."""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import Any, Final, TypeVar

import click

from carddav_msg.cli import output
from carddav_msg.cli.options import (
    complete_views,
    json_option,
    network_argument,
    username_argument,
    yes_option,
)
from carddav_msg.cli.state import State, pass_state
from carddav_msg.domain.contact import DEFAULT_MASK, MASKABLE, Contact, View
from carddav_msg.domain.user import User
from carddav_msg.services.administration.views import ViewOverview

F = TypeVar("F", bound=Callable[..., Any])
_SHOWN: Final = 500
_FIELD = click.Choice(MASKABLE)
_view_argument = click.argument("view", shell_complete=complete_views)


def _rule_options(command: F) -> F:
    for option in (
        click.option("--show", "shown", multiple=True, type=_FIELD, help="Show this field; repeat for several."),
        click.option("--hide", "hidden", multiple=True, type=_FIELD, help="Hide this field; repeat for several."),
        click.option(
            "--department",
            "departments",
            multiple=True,
            help="Hold only users of this department; repeat for several, they replace the old ones. '' is everybody.",
        ),
    ):
        command = option(command)
    return command


@click.group()
def view() -> None:
    """Views of the directory: add, list, show, set, remove, preview.

    Each user has one; new users get the network's first."""


@view.command()
@network_argument
@click.argument("view")
@_rule_options
@pass_state
def add(
    state: State,
    network: str,
    view: str,
    departments: tuple[str, ...],
    hidden: tuple[str, ...],
    shown: tuple[str, ...],
) -> None:
    """Add the view VIEW to NETWORK: everybody, without the fields that are hidden by default."""
    rule = _edited(View(hidden=DEFAULT_MASK), departments, hidden, shown)
    state.services.administration.views.add(network, view, rule)
    output.done(f"Added the view {view}; `carddav-msg user set {network} USERNAME --view {view}` gives it to users.")


@view.command(name="list")
@network_argument
@json_option
@pass_state
def list_(state: State, network: str, as_json: bool) -> None:
    """List the views of NETWORK with the numbers of users who have them and of cards in them."""
    views = state.services.administration.views.all(network)
    if as_json:
        output.as_json([_as_json(found) for found in views])
        return
    output.table(
        ("View", "Holds", "Hides", "Users", "Cards"),
        [(v.name, _holds(v.rule), ", ".join(sorted(v.rule.hidden)) or "nothing", v.users, v.cards) for v in views],
        empty="There are no views.",
    )


@view.command()
@network_argument
@_view_argument
@json_option
@pass_state
def show(state: State, network: str, view: str, as_json: bool) -> None:
    """Show the view VIEW of NETWORK."""
    found = state.services.administration.views.find(network, view)
    if as_json:
        output.as_json(_as_json(found))
        return
    output.pairs(
        [
            ("View", found.name),
            ("Holds", _holds(found.rule)),
            ("Hides", ", ".join(sorted(found.rule.hidden)) or "nothing"),
            ("Shows", ", ".join(name for name in MASKABLE if name not in found.rule.hidden)),
            ("Users", found.users),
            ("Cards", found.cards),
        ]
    )


@view.command(name="set")
@network_argument
@_view_argument
@_rule_options
@pass_state
def set_(
    state: State,
    network: str,
    view: str,
    departments: tuple[str, ...],
    hidden: tuple[str, ...],
    shown: tuple[str, ...],
) -> None:
    """Change whom the view VIEW of NETWORK holds and what it hides; all else stays."""
    if not (departments or hidden or shown):
        raise click.UsageError("Nothing to change was given.")
    views = state.services.administration.views
    changed = views.change(network, view, lambda old: _edited(old, departments, hidden, shown))
    output.done(f"Changed the view {view}; {'1 card' if changed == 1 else f'{changed:,} cards'} changed, came or went.")


@view.command()
@network_argument
@_view_argument
@click.option(
    "--move-to",
    metavar="VIEW",
    shell_complete=complete_views,
    help="The view that its users get; else it has to be free.",
)
@yes_option
@pass_state
def remove(state: State, network: str, view: str, move_to: str | None, yes: bool) -> None:
    """Remove the view VIEW of NETWORK; asks first. The last one stays."""
    views = state.services.administration.views
    found = views.find(network, view)
    output.confirm(f"Remove the view {found.name}{f' and move its users to {move_to}' if move_to else ''}?", yes=yes)
    moved = views.remove(network, view, move_to=move_to)
    users = f"; {'1 user has' if moved == 1 else f'{moved:,} users have'} the view {move_to} now" if moved else ""
    output.done(f"Removed the view {found.name}{users}.")


@view.command()
@network_argument
@username_argument
@click.option("--after", default="", metavar="USERNAME", help="Begin behind this Cloud Username.")
@click.option("--limit", type=click.IntRange(min=1), help=f"At most so many (default: {_SHOWN}, as JSON all).")
@json_option
@pass_state
def preview(state: State, network: str, username: str, after: str, limit: int | None, as_json: bool) -> None:
    """Show what USERNAME of NETWORK sees in the directory: the contacts with their fields."""
    found = state.services.administration.views.preview(network, username, after)
    if as_json:
        output.json_lines(_contact(*pair) for pair in itertools.islice(found.contacts, limit))
        return
    limit = limit or _SHOWN
    seen = list(itertools.islice(found.contacts, limit + 1))
    output.table(
        ("Cloud Username", "Name", "Numbers", "E-mail", "Organisation", "Further", "Messaging"),
        [_row(*pair) for pair in seen[:limit]],
        empty="There is nobody in this view.",
    )
    who = f"{found.user.cloud_username} has the view {found.view}"
    output.warn(f"{who}, with {'1 contact' if found.total == 1 else f'{found.total:,} contacts'}.")
    if len(seen) > limit:
        last = shlex.quote(seen[limit - 1][0].cloud_username)
        output.warn(f"There are more: --after {last} goes on, --limit shows more at once.")


def _edited(rule: View, departments: Sequence[str], hidden: Sequence[str], shown: Sequence[str]) -> View:
    if both := sorted(set(hidden) & set(shown)):
        raise click.UsageError(f"--hide and --show exclude each other: {', '.join(both)}.")
    chosen = frozenset(departments) if departments else rule.departments
    return View(chosen, (rule.hidden | set(hidden)) - set(shown))


def _holds(rule: View) -> str:
    return ", ".join(sorted(rule.departments)) or "everybody"


def _as_json(found: ViewOverview) -> dict[str, Any]:
    return {
        "view": found.name,
        "departments": sorted(found.rule.departments),
        "hidden": sorted(found.rule.hidden),
        "users": found.users,
        "cards": found.cards,
    }


def _row(user: User, contact: Contact) -> tuple[str | bool, ...]:
    profile = contact.profile
    return (
        user.cloud_username,
        profile.display_name,
        ", ".join(f"{number.kind} {number.entered}" for number in profile.numbers),
        ", ".join(email.address for email in profile.emails),
        ", ".join(filter(None, (profile.organisation, profile.department, profile.title))),
        ", ".join(_further(contact)),
        contact.identity is not None,
    )


def _further(contact: Contact) -> Iterator[str]:
    """Names of what else is known and shown; the values are in the JSON."""
    profile = contact.profile
    for name in ("nickname", "birthday", "addresses", "note", "photo"):
        if getattr(profile, name):
            yield name
    if contact.sip:
        yield "sip"


def _contact(user: User, contact: Contact) -> dict[str, Any]:
    return {
        "cloud_username": user.cloud_username,
        **asdict(contact.profile),
        "sip": contact.sip,
        "messaging_identity": asdict(contact.identity) if contact.identity else None,
    }
