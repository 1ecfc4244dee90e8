"""`carddav-msg book`: the address books of a network."""

from __future__ import annotations

import time

import click

from carddav_msg.cli import output
from carddav_msg.cli.durations import duration, shown_time
from carddav_msg.cli.options import book_argument, complete_usernames, json_option, network_argument, yes_option
from carddav_msg.cli.state import State, pass_state
from carddav_msg.directory.rows import SharedBook

_ACCESS = click.Choice(("read", "write"))
_everyone = click.option("--everyone", is_flag=True, help="All users of the network instead of one.")
_username = click.argument("username", required=False, shell_complete=complete_usernames)


@click.group()
def book() -> None:
    """Address books: add, list, show, members, share, unshare, allow-delete, remove."""


@book.command()
@network_argument
@click.argument("book")
@click.option("--title", default="", help="What people call it (default: BOOK).")
@click.option("--description", default="")
@click.option("--everyone", type=_ACCESS, help="What all users of the network may do with it (default: nothing).")
@pass_state
def add(state: State, network: str, book: str, title: str, description: str, everyone: str | None) -> None:
    """Add the shared book BOOK to NETWORK; BOOK is also its name in URLs."""
    state.services.administration.books.add(
        network, book, title=title, description=description, everyone=everyone or ""
    )
    shared = "" if everyone else f"; `carddav-msg book share {network} {book}` lets people in"
    output.done(f"Added the shared book {book}{shared}.")


@book.command(name="list")
@network_argument
@json_option
@pass_state
def list_(state: State, network: str, as_json: bool) -> None:
    """List the books of NETWORK: views of its directory, which the server makes, and shared books."""
    books = state.services.administration.books
    views, shared = books.views(network), books.all(network)
    if as_json:
        output.as_json(
            {
                "views": [
                    {
                        "view": view.name,
                        "departments": sorted(view.view.departments),
                        "hidden": sorted(view.view.hidden),
                    }
                    for view in views
                ],
                "shared": [_as_json(found) for found in shared],
            }
        )
        return
    output.table(
        ("Book", "Kind", "Title", "Everyone", "Members", "Cards", "Mass deletion"),
        [
            *(("directory", f"view {view.name}", "", "read", "", "", "") for view in views),
            *(
                (
                    *(b.slug, "shared", b.display_name, b.everyone or "-", str(len(b.members)), str(b.cards)),
                    _allowed(b, "allowed until "),
                )
                for b in shared
            ),
        ],
        empty="There are no books.",
    )


@book.command()
@network_argument
@book_argument
@json_option
@pass_state
def show(state: State, network: str, book: str, as_json: bool) -> None:
    """Show the shared book BOOK of NETWORK."""
    found = state.services.administration.books.find(network, book)
    if as_json:
        output.as_json(_as_json(found))
        return
    output.pairs(
        [
            ("Book", found.slug),
            ("Title", found.display_name),
            ("Description", found.description),
            ("Everyone", found.everyone or "-"),
            ("Members", len(found.members)),
            ("Cards", found.cards),
            ("Mass deletion allowed until", _allowed(found)),
        ]
    )


@book.command(name="allow-delete")
@network_argument
@book_argument
@click.option("--for", "seconds", callback=duration, required=True, metavar="30m|2h|1d", help="How long; at most 7d.")
@pass_state
def allow_delete(state: State, network: str, book: str, seconds: int) -> None:
    """Let people delete as many cards of the shared book BOOK of NETWORK as they like for a while.

    Otherwise the mass-deletion guard stops a client that empties a book.
    """
    until = state.services.administration.books.allow_deletions(network, book, seconds)
    output.done(f"Until {shown_time(until)} the cards of {book} may be deleted in any number.")


@book.command()
@network_argument
@book_argument
@json_option
@pass_state
def members(state: State, network: str, book: str, as_json: bool) -> None:
    """List who may read or write the shared book BOOK of NETWORK."""
    found = state.services.administration.books.find(network, book)
    if as_json:
        output.as_json(
            {
                "everyone": found.everyone,
                "members": [{"cloud_username": name, "access": access} for name, access in found.members],
            }
        )
        return
    everyone = [("(everyone)", found.everyone)] if found.everyone else []
    output.table(("Member", "Access"), [*everyone, *found.members], empty=f"Nobody but administrators reads {book}.")


@book.command()
@network_argument
@book_argument
@_username
@_everyone
@click.option("--access", type=_ACCESS, default="read", show_default=True)
@pass_state
def share(state: State, network: str, book: str, username: str | None, everyone: bool, access: str) -> None:
    """Let USERNAME, or everyone of NETWORK, read or write the shared book BOOK."""
    whom = _share(state, network, book, username, everyone, access)
    output.done(f"{whom or 'Everyone'} may {access} the book {book}.")


@book.command()
@network_argument
@book_argument
@_username
@_everyone
@pass_state
def unshare(state: State, network: str, book: str, username: str | None, everyone: bool) -> None:
    """Take USERNAME, or everyone of NETWORK who is no member, off the shared book BOOK."""
    whom = _share(state, network, book, username, everyone, "")
    output.done(f"The book {book} is no longer shared with {whom or 'everyone'}.")


@book.command()
@network_argument
@book_argument
@yes_option
@pass_state
def remove(state: State, network: str, book: str, yes: bool) -> None:
    """Remove the shared book BOOK of NETWORK with its cards; asks first."""
    books = state.services.administration.books
    found = books.find(network, book)
    cards = "1 card" if found.cards == 1 else f"{found.cards} cards"
    output.confirm(f"Remove the book {found.slug} ({found.display_name}) with {cards}?", yes=yes)
    books.remove(network, book)
    output.done(f"Removed the book {found.slug} with {cards}.")


def _share(state: State, network: str, book: str, username: str | None, everyone: bool, access: str) -> str:
    """Shares and returns the Cloud Username, empty for everyone."""
    if (username is None) != everyone:
        raise click.UsageError("Either a USERNAME or --everyone is needed.")
    books = state.services.administration.books
    if username is not None:
        return books.share(network, book, username, access)
    books.share_with_everyone(network, book, access)
    return ""


def _allowed(book: SharedBook, before: str = "") -> str:
    """Until when the mass-deletion guard lets everything pass; empty when it does not."""
    lasts = book.allow_delete_until > time.time_ns() // 1000
    return before + shown_time(book.allow_delete_until) if lasts else ""


def _as_json(book: SharedBook) -> dict[str, object]:
    return {
        "book": book.slug,
        "title": book.display_name,
        "description": book.description,
        "everyone": book.everyone,
        "members": len(book.members),
        "cards": book.cards,
        "mass_deletion_allowed_until": _allowed(book) or None,
    }
