"""Tables. `user`, `network`, `book` and `card` in a column name are rows of those tables; times are microseconds UTC.

Text is compared bytewise on both databases (`COLLATE "C"` on PostgreSQL, SQLite's BINARY), so that paging by a text
means the same; what is looked up without regard to case has a folded `…_key` column beside it.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    UniqueConstraint,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Row = BigInteger().with_variant(Integer, "sqlite")
Text = String().with_variant(String(collation="C"), "postgresql")


def _text(name: str, default: str | None = "") -> Column[str]:
    if default is None:
        return Column(name, Text, nullable=True)
    return Column(name, Text, nullable=False, server_default=default)


def _flag(name: str) -> Column[bool]:
    return Column(name, Boolean, nullable=False)


def _number(name: str, default: int = 0) -> Column[int]:
    return Column(name, BigInteger, nullable=False, server_default=str(default))


def _of(name: str, table: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, Row, ForeignKey(f"{table}.id", ondelete="CASCADE"), nullable=nullable)


networks = Table(
    "networks",
    metadata,
    Column("id", Row, primary_key=True),
    _text("network_id"),
    _text("network_key"),
    _text("effective_id"),
    _text("effective_key"),
    _text("name"),
    _text("sip_host"),
    _text("sip_host_key"),
    _text("country"),
    _flag("single_tenant"),
    _flag("staff"),
    _flag("auto_link"),
    _flag("link_extensions"),
    _flag("omit_network_id"),
    _flag("contacts_nodes"),
    _text("refresh_denied", "error"),
    _text("credentials_in_query", "warn"),
    _text("account", "{}"),
    _text("source_name"),
    _text("source_owned", "[]"),  # JSON: fields that an import feeds, so that clients can't edit them
    _number("changed"),
    _number("rendering"),  # who renders by an earlier one changes no card of the network any more
    _number("rendered"),  # the rendering by which all its cards are done
    UniqueConstraint("network_key"),
    UniqueConstraint("effective_key"),
    Index(None, "sip_host_key"),
)

network_domains = Table(
    "network_domains", metadata, Column("domain", Text, primary_key=True), _of("network", "networks")
)

network_cloud_ids = Table(
    "network_cloud_ids",
    metadata,
    Column("cloud_id", Text, nullable=False),
    _of("network", "networks"),
    PrimaryKeyConstraint("cloud_id", "network"),
)

network_aliases = Table(
    "network_aliases", metadata, Column("alias_key", Text, primary_key=True), _of("network", "networks")
)

users = Table(
    "users",
    metadata,
    Column("id", Row, primary_key=True),
    _of("network", "networks"),
    _text("uid"),
    _text("external_id", None),
    _text("cloud_username"),
    _text("cloud_username_key"),
    _text("sip_username"),
    _text("sip_username_key", None),
    _text("display_name"),
    _text("profile", "{}"),
    _text("sms_numbers", "[]"),
    _flag("enabled"),
    _flag("listed"),
    _flag("messaging"),
    Column("view", Row, nullable=False),
    _number("session_epoch", 1),
    _number("changed"),
    UniqueConstraint("uid"),
    UniqueConstraint("network", "cloud_username_key"),
    UniqueConstraint("network", "sip_username_key"),
    UniqueConstraint("network", "external_id"),
)

user_aliases = Table(
    "user_aliases",
    metadata,
    _of("network", "networks"),
    Column("alias_key", Text, nullable=False),
    _of("user", "users"),
    PrimaryKeyConstraint("network", "alias_key"),
    Index(None, "user"),
)

credentials = Table(
    "credentials",
    metadata,
    Column("user", Row, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    _text("password_hash"),
    _number("secret_version", 1),
    Column("sip_password", LargeBinary, nullable=True),
)

grants = Table(
    "grants",
    metadata,
    _of("user", "users"),
    _text("role"),
    _number("scope"),  # the row of a network, 0 = all networks
    PrimaryKeyConstraint("user", "role", "scope"),
    Index(None, "scope"),
)

devices = Table(
    "devices",
    metadata,
    _of("user", "users"),
    Column("device", Text, nullable=False),
    _number("first_seen"),
    _number("last_seen"),
    _flag("revoked"),
    _number("session_epoch"),  # that of the newest credential, and the key that made it
    _text("key_id"),
    PrimaryKeyConstraint("user", "device"),
)

known_places = Table(
    "known_places",
    metadata,
    _of("user", "users"),
    Column("place", Text, nullable=False),  # a range of addresses: /24, of IPv6 /64
    _number("last_seen"),
    PrimaryKeyConstraint("user", "place"),
)

codes = Table(
    "codes",
    metadata,
    Column("id", Row, primary_key=True),
    _of("user", "users"),
    _text("digest"),
    _number("session_epoch"),  # it ends with the session that it was made in
    _number("made"),
    _number("expires"),
    _number("first_used"),
    _flag("revoked"),
    UniqueConstraint("digest"),
    Index(None, "user"),
)

former_users = Table(
    "former_users",
    metadata,
    Column("user_key", Text, nullable=False),
    Column("user", Row, nullable=False),  # the row that was, which a new user may have by now
    Column("session_epoch", BigInteger, nullable=False),
    _text("refresh_denied"),
    _number("removed"),
    PrimaryKeyConstraint("user_key", "user", "session_epoch"),
    Index(None, "removed"),
)

cleared_nodes = Table(
    "cleared_nodes",
    metadata,
    _of("network", "networks"),
    Column("user", Row, nullable=False),  # 0 = the network's
    Column("name", Text, nullable=False),
    _number("since"),
    PrimaryKeyConstraint("network", "user", "name"),
)

observations = Table(
    "observations",
    metadata,
    _of("user", "users"),
    Column("face", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    _number("at"),
    *map(_text, ("reason", "agent", "login", "matched", "device", "cloud_id", "network_id")),
    _number("book"),  # the directory book that was fetched, and its last change then
    _number("seq"),
    PrimaryKeyConstraint("user", "face", "outcome"),
    Index(None, "at"),
)

books = Table(
    "books",
    metadata,
    Column("id", Row, primary_key=True),
    _of("network", "networks"),
    _text("kind"),
    _number("owner"),  # the row of a user, 0 = the network's
    _text("slug"),
    _text("view"),  # the name of the view that a directory book is
    _text("rule", "{}"),  # JSON: departments, hidden fields (directory books)
    _text("display_name"),
    _text("description"),
    _text("color"),
    _text("everyone"),  # what all users of the network may do: "", "read", "write"
    _number("epoch", 1),
    _number("seq"),
    _number("floor"),
    _number("modified"),
    _number("allow_delete_until"),  # until then the mass-deletion guard lets everything pass
    UniqueConstraint("network", "slug", "owner", "view"),
    Index(None, "owner"),
)

book_members = Table(
    "book_members",
    metadata,
    _of("book", "books"),
    _of("user", "users"),
    _text("access"),
    PrimaryKeyConstraint("book", "user"),
    Index(None, "user"),
)

cards = Table(
    "cards",
    metadata,
    Column("id", Row, primary_key=True),
    _of("book", "books"),
    Column("href", Text, nullable=False),
    Column("uid", Text, nullable=False),
    Column("etag", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("user", Row, ForeignKey("users.id", ondelete="SET NULL"), nullable=True),
    Column("link", Text, nullable=False),  # why the card stands for the user: "", "directory", "pair", "keys"
    Column("modified", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False),  # octets of the text
    Column("fn_key", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("fragment", Text, nullable=False),
    UniqueConstraint("book", "href"),
    UniqueConstraint("book", "uid"),
    Index("ix_cards_changes", "book", "seq", "href", "etag"),
    Index("ix_cards_names", "book", "fn_key"),  # read through by searches: ten times less than the cards
    Index(None, "user"),
)

tombstones = Table(
    "tombstones",
    metadata,
    _of("book", "books"),
    Column("href", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("deleted", BigInteger, nullable=False),
    PrimaryKeyConstraint("book", "href"),
    Index(None, "book", "seq"),
)

card_keys = Table(
    "card_keys",
    metadata,
    _of("network", "networks"),
    Column("kind", Text, nullable=False),
    Column("key", Text, nullable=False),
    _of("card", "cards"),
    PrimaryKeyConstraint("network", "kind", "key", "card"),
    Index(None, "card"),
)

user_keys = Table(
    "user_keys",
    metadata,
    _of("network", "networks"),
    Column("kind", Text, nullable=False),
    Column("key", Text, nullable=False),
    _of("user", "users"),
    PrimaryKeyConstraint("network", "kind", "key", "user"),
    Index(None, "user"),
)

photos = Table(
    "photos",
    metadata,
    Column("digest", Text, primary_key=True),  # unguessable; the path under /avatars/
    Column("content_key", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    UniqueConstraint("content_key"),
)

card_versions = Table(
    "card_versions",
    metadata,
    Column("id", Row, primary_key=True),
    _of("book", "books"),
    _text("href"),
    _text("uid"),
    _text("action"),  # overwritten, deleted
    _text("text"),
    _number("at"),
    _text("actor"),
    _text("face"),
    _text("address"),
    _number("by"),  # the row of the user who did it, 0 for others
    Index(None, "book", "href", "at"),
    Index(None, "book", "by", "at"),
    Index(None, "at"),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Row, primary_key=True),
    _number("at"),
    _number("network"),  # no foreign key: entries outlive what they are about
    _text("action"),
    _text("subject"),
    _text("before"),
    _text("after"),
    _text("actor"),
    _text("face"),
    _text("address"),
    Index(None, "network", "at"),
    Index(None, "at"),
)

keys = Table(
    "keys",
    metadata,
    Column("key_id", Text, primary_key=True),
    Column("purpose", Text, nullable=False),
    Column("check_value", Text, nullable=False),
)

renderings = Table(
    "renderings",
    metadata,
    Column("id", Row, primary_key=True),  # rises: the newest is the one in force
    _number("version"),  # of the code
    _text("fingerprint"),  # of the code and the settings
    _number("since"),
)

staging = Table(
    "staging",
    metadata,
    Column("run", Text, nullable=False),
    Column("line", BigInteger, nullable=False),
    Column("network", Row, nullable=False),
    Column("user_key", Text, nullable=False),
    Column("external_id", Text, nullable=True),
    Column("sip_username_key", Text, nullable=True),
    Column("values", Text, nullable=False),  # JSON of the row without passwords
    Column("sealed_password", LargeBinary, nullable=True),  # under a key that lives only in the importing process
    Column("password_hash", Text, nullable=True),
    Column("sip_password", LargeBinary, nullable=True),
    PrimaryKeyConstraint("run", "line"),
    UniqueConstraint("run", "network", "user_key"),
)
