"""The statements of a PUT and a DELETE, in Core; compiled once for each engine (see `compiled`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final

from sqlalchemy import (
    BindParameter,
    Column,
    Engine,
    ScalarSelect,
    String,
    Table,
    bindparam,
    delete,
    func,
    insert,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from carddav_msg.directory.rows import Rendering
from carddav_msg.directory.sql import arrays
from carddav_msg.directory.sql.compiled import Statement
from carddav_msg.directory.sql.renderings import own_number
from carddav_msg.directory.sql.schema import (
    Row,
    audit,
    books,
    card_versions,
    cards,
    network_cloud_ids,
    network_domains,
    networks,
    tombstones,
    users,
)

STORED: Final = (
    cards.c.id,
    cards.c.href,
    cards.c.uid,
    cards.c.etag,
    cards.c.user,
    cards.c.modified,
    cards.c.text,
    cards.c.fragment,
    cards.c.fn_key,
    cards.c.link,
)
# Name and UID of a card stay for its life; the indexes on what is not set need not be written.
_CHANGEABLE: Final = ("etag", "seq", "user", "modified", "size", "fn_key", "link", "text", "fragment")
_CARD: Final = ("href", "uid", *_CHANGEABLE)


class WriteStatements:
    """One attribute for each statement."""

    def __init__(self, engine: Engine, rendering: Rendering) -> None:
        self.rendering = rendering
        on_postgresql = engine.dialect.name == "postgresql"

        def compiled(statement: Any) -> Statement:
            return Statement(statement, engine.dialect)

        row: BindParameter[Any] = bindparam("row", type_=Row)
        concatenate = func.string_agg if on_postgresql else func.group_concat
        domains = _list(network_domains.c.domain, concatenate).label("domains")
        cloud_ids = _list(network_cloud_ids.c.cloud_id, concatenate).label("cloud_ids")
        network = select(networks, domains, cloud_ids, own_number(rendering).label("own_rendering"))
        network = network.where(networks.c.id == row)
        shared = network.with_for_update(read=True, of=networks) if on_postgresql else network
        exclusive = network.with_for_update(of=networks) if on_postgresql else network
        self.lock_network_shared = compiled(shared)
        self.lock_network_exclusive = compiled(exclusive)

        # As an update locks a row, but without a version of it that nobody needs.
        self.lock_book = compiled(select(books.c.seq).where(books.c.id == row).with_for_update(key_share=True))
        taken = books.c.seq + bindparam("count", type_=Row)
        self.take_numbers = compiled(
            update(books).where(books.c.id == row).values(seq=taken, modified=bindparam("now")).returning(books.c.seq)
        )

        in_book = cards.c.book == bindparam("in_book", type_=Row)
        at_href = cards.c.href == bindparam("at_href")
        self.stored_card = compiled(select(*STORED).where(in_book, at_href))
        self.href_of_uid = compiled(select(cards.c.href).where(in_book, cards.c.uid == bindparam("of_uid")))
        self.insert_card = compiled(_insert(cards, "book", *_CARD))
        self.update_card = compiled(update(cards).where(cards.c.id == row).values(_parameters(_CHANGEABLE)))
        self.cards_between = compiled(_between(select(cards.c.seq, *STORED)))
        with_users = select(cards.c.seq, *STORED, users.c.cloud_username, users.c.enabled, users.c.messaging)
        with_users = with_users.select_from(cards.join(users, users.c.id == cards.c.user))
        self.directory_cards_between = compiled(_between(with_users))
        among = partial(arrays.among, name="hrefs", kind=String, sqlite=not on_postgresql)
        self.delete_cards = compiled(delete(cards).where(in_book, among(cards.c.href)))

        of_book = tombstones.c.book == bindparam("in_book", type_=Row)
        self.forget_tombstones = compiled(delete(tombstones).where(of_book, among(tombstones.c.href)))
        self.last_forgotten = compiled(_last_forgotten())
        self.bury = compiled(_bury(on_postgresql=on_postgresql))

        who = ("at", "actor", "face", "address")
        self.record = compiled(_insert(audit, "network", "action", "subject", "before", "after", *who))
        self.forget_audit = compiled(delete(audit).where(audit.c.at < bindparam("oldest")))
        self.keep_version = compiled(_insert(card_versions, "book", "href", "uid", "action", "text", "by", *who))
        self.forget_versions = compiled(delete(card_versions).where(card_versions.c.at < bindparam("oldest")))


def _bury(*, on_postgresql: bool) -> Any:
    """Tombstones of some cards of a book, numbered from `first` on."""
    gone, href, place = arrays.numbered("hrefs", sqlite=not on_postgresql)
    values = (bindparam("in_book", type_=Row), href, bindparam("first", type_=Row) + place, bindparam("now", type_=Row))
    # Without a condition SQLite would take ON CONFLICT for the condition of a join.
    rows = select(*values).select_from(gone).where(literal_column("true"))
    bury: Any = (postgresql if on_postgresql else sqlite).insert(tombstones)
    bury = bury.from_select(["book", "href", "seq", "deleted"], rows)
    later = {"seq": bury.excluded.seq, "deleted": bury.excluded.deleted}
    return bury.on_conflict_do_update(index_elements=["book", "href"], set_=later)


def _last_forgotten() -> Any:
    """The number of a book's last deletion before all that are not older than a time; NULL when there is none.

    Later deletions have higher numbers: what is looked at is what goes, and one more. Should a clock have gone wrong,
    some stay longer.
    """
    of_book = tombstones.c.book == bindparam("in_book", type_=Row)
    kept = select(tombstones.c.seq).where(of_book, tombstones.c.deleted >= bindparam("before", type_=Row))
    oldest_kept = kept.order_by(tombstones.c.seq).limit(literal_column("1")).scalar_subquery()
    before_it = tombstones.c.seq < func.coalesce(oldest_kept, literal_column(str(2**62)))
    return select(func.max(tombstones.c.seq).label("floor")).where(of_book, before_it)


def _insert(table: Table, *names: str) -> Any:
    return insert(table).values(_parameters(names)).inline()


def _parameters(names: Iterable[str]) -> dict[str, Any]:
    return {name: bindparam(name) for name in names}


def _between(query: Any) -> Any:
    """A page of the cards of a book, along its index of changes."""
    after, until = (cards.c.seq > bindparam("after", type_=Row), cards.c.seq <= bindparam("until", type_=Row))
    in_book = cards.c.book == bindparam("in_book", type_=Row)
    return query.where(in_book, after, until).order_by(cards.c.seq).limit(bindparam("some", type_=Row))


def _list(column: Column[str], concatenate: Callable[..., Any]) -> ScalarSelect[str]:
    """The values of a selector of a network in one text: neither domains nor Cloud IDs have commas."""
    values = select(concatenate(column, literal_column("','"))).where(column.table.c.network == networks.c.id)
    return values.scalar_subquery()
