"""The statements of `hot`, in Core. Columns come in the order in which `hot` reads them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Select,
    String,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    null,
    or_,
    select,
    union_all,
)
from sqlalchemy.sql import CompoundSelect

from carddav_msg.directory.rows import LONG_NAME, NAME_END, NAME_LENGTH
from carddav_msg.directory.sql import arrays
from carddav_msg.directory.sql.accounts import account_statement, member_statement
from carddav_msg.directory.sql.schema import (
    Row,
    Text,
    book_members,
    books,
    cards,
    credentials,
    devices,
    grants,
    known_places,
    network_aliases,
    network_cloud_ids,
    network_domains,
    networks,
    photos,
    tombstones,
    user_aliases,
    users,
)

_BOOK = (
    books.c.id,
    books.c.network,
    books.c.kind,
    books.c.slug,
    books.c.display_name,
    books.c.owner,
    func.coalesce(book_members.c.access, books.c.everyone),
    books.c.epoch,
    books.c.seq,
    books.c.floor,
    books.c.description,
    books.c.color,
    books.c.modified,
)


def statements(sqlite: bool) -> dict[str, Select[Any] | CompoundSelect[Any]]:
    among = partial(arrays.among, sqlite=sqlite)

    book: BindParameter[Any] = bindparam("book")
    after: BindParameter[Any] = bindparam("after")
    page: BindParameter[Any] = bindparam("limit", type_=Row)
    card_row = (cards.c.href, cards.c.etag, cards.c.text, cards.c.uid, cards.c.modified, cards.c.size)
    texts = select(cards.c.seq, *card_row).where(cards.c.book == book, cards.c.seq > after)
    concatenate: Callable[..., ColumnElement[Any]] = func.group_concat if sqlite else func.string_agg
    counted = cards.alias("counted")
    count = select(func.count()).where(counted.c.book == book).scalar_subquery()
    is_short = func.length(cards.c.fn_key) <= literal_column(str(NAME_LENGTH))
    short_name = case((is_short, cards.c.fn_key), else_=literal_column(f"'{LONG_NAME}'"))
    return {
        "door": _door_statement(concatenate),
        "granted_door": _door_statement(concatenate, granted=True),
        "home_door": _home_door_statement(concatenate),
        "listing": select(cards.c.seq, cards.c.href, cards.c.etag)
        .where(cards.c.book == book, cards.c.seq > after)
        .order_by(cards.c.seq)
        .limit(page),
        "changes": union_all(
            select(cards.c.seq, cards.c.href, cards.c.etag).where(cards.c.book == book, cards.c.seq > after),
            select(tombstones.c.seq, tombstones.c.href, null()).where(
                tombstones.c.book == book, tombstones.c.seq > after, tombstones.c.seq > bindparam("deletions_after")
            ),
        )
        .order_by(literal_column("1"))
        .limit(page),
        "cards": select(*card_row).where(cards.c.book == book, among(cards.c.href, "hrefs", String)),
        "card": select(*card_row).where(cards.c.book == book, cards.c.href == bindparam("href")),
        "texts": texts.order_by(cards.c.seq).limit(page),
        "names": select(
            count,
            concatenate(cast(cards.c.id, Text), literal_column("','")),
            concatenate(short_name, literal_column(f"'{NAME_END}'")),
        ).where(cards.c.book == book, count <= page),
        # "+ 0", or SQLite would go through all cards of the book for the few.
        "numbered_cards": select(*card_row).where(
            cards.c.book + literal_column("0") == book, among(cards.c.id, "rows", Row)
        ),
        "fragments": select(cards.c.seq, func.coalesce(cards.c.user, 0), cards.c.fragment)
        .where(cards.c.book == book, cards.c.seq > after)
        .order_by(cards.c.seq)
        .limit(page),
        "home": _home_statement(),
        "member": member_statement(concatenate),
        "account": account_statement(concatenate),
        "known_place": select(known_places.c.last_seen).where(
            known_places.c.user == bindparam("user"),
            known_places.c.place == bindparam("place"),
            known_places.c.last_seen >= bindparam("since"),
        ),
        "photo": select(photos.c.media_type, photos.c.body).where(photos.c.digest == bindparam("digest")),
        "selected": union_all(
            select(networks.c.sip_host_key, networks.c.id).where(among(networks.c.sip_host_key, "hosts", String)),
            select(network_domains.c.domain, network_domains.c.network).where(
                among(network_domains.c.domain, "hosts", String)
            ),
            select(null(), network_cloud_ids.c.network).where(network_cloud_ids.c.cloud_id == bindparam("cloud_id")),
        ),
        "network_row": union_all(
            select(literal_column("0"), networks.c.id).where(networks.c.network_key == bindparam("key")),
            select(literal_column("1"), network_aliases.c.network).where(
                network_aliases.c.alias_key == bindparam("key")
            ),
        ).order_by(literal_column("1")),
        "two_networks": select(networks.c.id).limit(literal_column("2")),
        "named": _named_statement(
            among(users.c.network, "networks", Row), among(user_aliases.c.network, "networks", Row)
        ),
    }


def _in_home() -> ColumnElement[bool]:
    """A book is in a user's home: the view the user has, the network's shared books, the user's own."""
    return and_(
        books.c.network == users.c.network,
        or_(books.c.owner == literal_column("0"), books.c.owner == users.c.id),
        or_(books.c.kind != literal_column("'directory'"), books.c.id == users.c.view),
    )


def _granted(networks_of_books: Any) -> ColumnElement[bool]:
    """A book of another network that staff may see: its first view and its shared books, never a personal one."""
    first = books.alias("first_view")
    view = select(func.min(first.c.id)).where(
        first.c.network == books.c.network, first.c.kind == literal_column("'directory'")
    )
    return and_(
        books.c.network == networks_of_books.c.id,
        books.c.network != users.c.network,
        books.c.owner == literal_column("0"),
        or_(books.c.kind == literal_column("'shared'"), books.c.id == view.scalar_subquery()),
    )


def _granted_slug(networks_of_books: Any) -> ColumnElement[str]:
    """How the book of another network is called in a home: `NETWORK~book`."""
    slug: ColumnElement[str] = networks_of_books.c.network_id + literal_column("'~'") + books.c.slug
    return slug


def _home_statement() -> CompoundSelect[Any]:
    """The books of a user's own network, then those of networks that the user has a staff role for."""
    user: BindParameter[Any] = bindparam("user")
    members = and_(book_members.c.book == books.c.id, book_members.c.user == users.c.id)
    own = (
        select(literal_column("0").label("place"), *_BOOK)
        .select_from(users.join(books, _in_home()).outerjoin(book_members, members))
        .where(users.c.id == user)
    )
    there = networks.alias("there")
    in_scope = and_(
        grants.c.user == users.c.id,
        grants.c.role.in_([literal_column("'admin'"), literal_column("'operator'")]),
        or_(grants.c.scope == there.c.id, grants.c.scope == literal_column("0")),
    )
    granted = (
        select(literal_column("1"), *_granted_book(there))
        .distinct()
        .select_from(users.join(grants, grants.c.user == users.c.id).join(there, in_scope).join(books, _granted(there)))
        .where(users.c.id == user)
    )
    both = union_all(own, granted)
    return both.order_by(literal_column("1"), literal_column("7"), literal_column("4"), literal_column("5"))


def _granted_book(there: Any) -> list[Any]:
    columns = list(_BOOK)
    columns[3] = _granted_slug(there)
    columns[6] = literal_column("''")
    return columns


def _door_statement(concatenate: Callable[..., ColumnElement[Any]], *, granted: bool = False) -> Select[Any]:
    slug: BindParameter[Any] = bindparam("slug")
    source = _user_at_door()
    if granted:
        there = networks.alias("there")
        source = source.outerjoin(there, there.c.network_key == bindparam("book_network"))
        source = source.outerjoin(books, and_(_granted(there), books.c.slug == slug))
        book = _granted_book(there)
    else:
        members = and_(book_members.c.book == books.c.id, book_members.c.user == users.c.id)
        source = source.outerjoin(books, and_(_in_home(), books.c.slug == slug)).outerjoin(book_members, members)
        book = list(_BOOK)
    return _at_door(concatenate, source, book)


def _home_door_statement(concatenate: Callable[..., ColumnElement[Any]]) -> Select[Any]:
    """A door with each book of the home in a row of its own, in the order of `home`."""
    members = and_(book_members.c.book == books.c.id, book_members.c.user == users.c.id)
    source = _user_at_door().outerjoin(books, _in_home()).outerjoin(book_members, members)
    return _at_door(concatenate, source, list(_BOOK)).order_by(books.c.owner, books.c.kind, books.c.slug)


def _user_at_door() -> Any:
    return (
        users.join(networks, networks.c.id == users.c.network)
        .outerjoin(credentials, credentials.c.user == users.c.id)
        .outerjoin(devices, and_(devices.c.user == users.c.id, devices.c.device == bindparam("device")))
    )


def _at_door(concatenate: Callable[..., ColumnElement[Any]], source: Any, book: list[Any]) -> Select[Any]:
    roles = (
        select(concatenate(grants.c.role + literal_column("':'") + cast(grants.c.scope, Text), literal_column("','")))
        .where(grants.c.user == users.c.id)
        .scalar_subquery()
    )
    return (
        select(
            users.c.id,
            users.c.network,
            networks.c.network_id,
            users.c.cloud_username,
            users.c.enabled,
            users.c.messaging,
            users.c.session_epoch,
            credentials.c.secret_version,
            credentials.c.password_hash,
            roles,
            devices.c.revoked,
            networks.c.credentials_in_query,
            *book,
        )
        .select_from(source)
        .where(networks.c.network_key == bindparam("network_key"), users.c.cloud_username_key == bindparam("user_key"))
    )


def _named_statement(in_networks: ColumnElement[bool], alias_in_networks: ColumnElement[bool]) -> CompoundSelect[Any]:
    key: BindParameter[Any] = bindparam("key")
    columns = (
        users.c.id,
        users.c.network,
        networks.c.network_key,
        users.c.cloud_username_key,
        users.c.cloud_username,
        users.c.sip_username,
    )
    there = users.join(networks, networks.c.id == users.c.network)
    return union_all(
        select(literal_column("0"), *columns).select_from(there).where(in_networks, users.c.cloud_username_key == key),
        select(literal_column("1"), *columns)
        .select_from(there.join(user_aliases, user_aliases.c.user == users.c.id))
        .where(alias_in_networks, user_aliases.c.alias_key == key),
        select(literal_column("2"), *columns).select_from(there).where(in_networks, users.c.sip_username_key == key),
    )
