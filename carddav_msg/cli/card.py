"""`carddav-msg card`: what cards were before somebody overwrote or deleted them."""

from __future__ import annotations

from typing import Final

import click

from carddav_msg.cli import output
from carddav_msg.cli.durations import shown_time
from carddav_msg.cli.options import complete_books, json_option, network_argument
from carddav_msg.cli.state import State, pass_state
from carddav_msg.domain.audit import CardVersion
from carddav_msg.formats.vcard.contentlines import scan
from carddav_msg.formats.vcard.read import profile_of

_SHOWN: Final = 100


@click.group()
def card() -> None:
    """Cards of shared books and of the directory: history, restore."""


@card.command()
@network_argument
@click.argument("book", shell_complete=complete_books)
@click.argument("card", required=False, default="")
@click.option("--limit", type=click.IntRange(min=1), default=_SHOWN, help=f"At most so many (default: {_SHOWN}).")
@json_option
@pass_state
def history(state: State, network: str, book: str, card: str, limit: int, as_json: bool) -> None:
    """List kept versions of the cards of a shared BOOK of NETWORK, or of the `directory`, the newest first.

    Each is a card as it was before it was overwritten or deleted; `history_days` says how long they are kept. CARD, an
    href or a UID, leaves those of one card.
    """
    versions = state.services.administration.history.versions(network, book, card, limit + 1)
    if as_json:
        output.json_lines(_as_json(version) for version in versions[:limit])
        return
    output.table(
        ("Version", "When", "By", "What", "Card", "Name"),
        [
            (v.id, shown_time(v.at), v.actor.name, v.action, v.href, profile_of(scan(v.text)).display_name)
            for v in versions[:limit]
        ],
        empty="There are no kept versions.",
    )
    if len(versions) > limit:
        output.warn("There are more: --limit shows more at once.")


@card.command()
@click.argument("version", type=click.IntRange(min=1))
@pass_state
def restore(state: State, version: int) -> None:
    """Put a version that `card history` lists back in its place; a deleted card comes back.

    What is there now becomes a version itself, so this can be undone. A card of the directory changes its user.
    """
    restored = state.services.administration.history.restore(version)
    place = f"{restored.network_id}/{restored.slug}/{restored.href}"
    if not restored.changed:
        output.done(f"The card {place} is as in version {version} already.")
    else:
        output.done(f"The card {place} is {'back' if restored.created else 'as before'}: version {version}.")


def _as_json(version: CardVersion) -> dict[str, object]:
    return {
        "version": version.id,
        "at": shown_time(version.at),
        "actor": version.actor.name,
        "face": version.actor.face,
        "address": version.actor.address,
        "action": version.action,
        "href": version.href,
        "uid": version.uid,
        "text": version.text,
    }
