"""The first schema: networks, users, books, cards and what belongs to them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")
ROW = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("id", ROW, nullable=False),
        sa.Column("at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("network", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("action", TEXT, server_default="", nullable=False),
        sa.Column("subject", TEXT, server_default="", nullable=False),
        sa.Column("before", TEXT, server_default="", nullable=False),
        sa.Column("after", TEXT, server_default="", nullable=False),
        sa.Column("actor", TEXT, server_default="", nullable=False),
        sa.Column("face", TEXT, server_default="", nullable=False),
        sa.Column("address", TEXT, server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_index(op.f("ix_audit_at"), "audit", ["at"], unique=False)
    op.create_index(op.f("ix_audit_network_at"), "audit", ["network", "at"], unique=False)
    op.create_table(
        "former_users",
        sa.Column("user_key", TEXT, nullable=False),
        sa.Column("user", ROW, nullable=False),
        sa.Column("session_epoch", sa.BigInteger(), nullable=False),
        sa.Column("refresh_denied", TEXT, server_default="", nullable=False),
        sa.Column("removed", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("user_key", "user", "session_epoch", name=op.f("pk_former_users")),
    )
    op.create_index(op.f("ix_former_users_removed"), "former_users", ["removed"], unique=False)
    op.create_table(
        "keys",
        sa.Column("key_id", TEXT, nullable=False),
        sa.Column("purpose", TEXT, nullable=False),
        sa.Column("check_value", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_keys")),
    )
    op.create_table(
        "networks",
        sa.Column("id", ROW, nullable=False),
        sa.Column("network_id", TEXT, server_default="", nullable=False),
        sa.Column("network_key", TEXT, server_default="", nullable=False),
        sa.Column("effective_id", TEXT, server_default="", nullable=False),
        sa.Column("effective_key", TEXT, server_default="", nullable=False),
        sa.Column("name", TEXT, server_default="", nullable=False),
        sa.Column("sip_host", TEXT, server_default="", nullable=False),
        sa.Column("sip_host_key", TEXT, server_default="", nullable=False),
        sa.Column("country", TEXT, server_default="", nullable=False),
        sa.Column("single_tenant", sa.Boolean(), nullable=False),
        sa.Column("staff", sa.Boolean(), nullable=False),
        sa.Column("auto_link", sa.Boolean(), nullable=False),
        sa.Column("link_extensions", sa.Boolean(), nullable=False),
        sa.Column("omit_network_id", sa.Boolean(), nullable=False),
        sa.Column("contacts_nodes", sa.Boolean(), nullable=False),
        sa.Column("refresh_denied", TEXT, server_default="error", nullable=False),
        sa.Column("credentials_in_query", TEXT, server_default="warn", nullable=False),
        sa.Column("account", TEXT, server_default="{}", nullable=False),
        sa.Column("source_name", TEXT, server_default="", nullable=False),
        sa.Column("source_owned", TEXT, server_default="[]", nullable=False),
        sa.Column("changed", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("rendering", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("rendered", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_networks")),
        sa.UniqueConstraint("effective_key", name=op.f("uq_networks_effective_key")),
        sa.UniqueConstraint("network_key", name=op.f("uq_networks_network_key")),
    )
    op.create_index(op.f("ix_networks_sip_host_key"), "networks", ["sip_host_key"], unique=False)
    op.create_table(
        "photos",
        sa.Column("digest", TEXT, nullable=False),
        sa.Column("content_key", TEXT, nullable=False),
        sa.Column("media_type", TEXT, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_photos")),
        sa.UniqueConstraint("content_key", name=op.f("uq_photos_content_key")),
    )
    op.create_table(
        "renderings",
        sa.Column("id", ROW, nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("fingerprint", TEXT, server_default="", nullable=False),
        sa.Column("since", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_renderings")),
    )
    op.create_table(
        "staging",
        sa.Column("run", TEXT, nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=False),
        sa.Column("network", ROW, nullable=False),
        sa.Column("user_key", TEXT, nullable=False),
        sa.Column("external_id", TEXT, nullable=True),
        sa.Column("sip_username_key", TEXT, nullable=True),
        sa.Column("values", TEXT, nullable=False),
        sa.Column("sealed_password", sa.LargeBinary(), nullable=True),
        sa.Column("password_hash", TEXT, nullable=True),
        sa.Column("sip_password", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("run", "line", name=op.f("pk_staging")),
        sa.UniqueConstraint("run", "network", "user_key", name=op.f("uq_staging_run_network_user_key")),
    )
    op.create_table(
        "books",
        sa.Column("id", ROW, nullable=False),
        sa.Column("network", ROW, nullable=False),
        sa.Column("kind", TEXT, server_default="", nullable=False),
        sa.Column("owner", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("slug", TEXT, server_default="", nullable=False),
        sa.Column("view", TEXT, server_default="", nullable=False),
        sa.Column("rule", TEXT, server_default="{}", nullable=False),
        sa.Column("display_name", TEXT, server_default="", nullable=False),
        sa.Column("description", TEXT, server_default="", nullable=False),
        sa.Column("color", TEXT, server_default="", nullable=False),
        sa.Column("everyone", TEXT, server_default="", nullable=False),
        sa.Column("epoch", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("seq", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("floor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("modified", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("allow_delete_until", sa.BigInteger(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["network"], ["networks.id"], name=op.f("fk_books_network"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_books")),
        sa.UniqueConstraint("network", "slug", "owner", "view", name=op.f("uq_books_network_slug_owner_view")),
    )
    op.create_index(op.f("ix_books_owner"), "books", ["owner"], unique=False)
    op.create_table(
        "cleared_nodes",
        sa.Column("network", ROW, nullable=False),
        sa.Column("user", ROW, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("since", sa.BigInteger(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["network"], ["networks.id"], name=op.f("fk_cleared_nodes_network"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("network", "user", "name", name=op.f("pk_cleared_nodes")),
    )
    op.create_table(
        "network_aliases",
        sa.Column("alias_key", TEXT, nullable=False),
        sa.Column("network", ROW, nullable=False),
        sa.ForeignKeyConstraint(
            ["network"], ["networks.id"], name=op.f("fk_network_aliases_network"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("alias_key", name=op.f("pk_network_aliases")),
    )
    op.create_table(
        "network_cloud_ids",
        sa.Column("cloud_id", TEXT, nullable=False),
        sa.Column("network", ROW, nullable=False),
        sa.ForeignKeyConstraint(
            ["network"], ["networks.id"], name=op.f("fk_network_cloud_ids_network"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("cloud_id", "network", name=op.f("pk_network_cloud_ids")),
    )
    op.create_table(
        "network_domains",
        sa.Column("domain", TEXT, nullable=False),
        sa.Column("network", ROW, nullable=False),
        sa.ForeignKeyConstraint(
            ["network"], ["networks.id"], name=op.f("fk_network_domains_network"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("domain", name=op.f("pk_network_domains")),
    )
    op.create_table(
        "users",
        sa.Column("id", ROW, nullable=False),
        sa.Column("network", ROW, nullable=False),
        sa.Column("uid", TEXT, server_default="", nullable=False),
        sa.Column("external_id", TEXT, nullable=True),
        sa.Column("cloud_username", TEXT, server_default="", nullable=False),
        sa.Column("cloud_username_key", TEXT, server_default="", nullable=False),
        sa.Column("sip_username", TEXT, server_default="", nullable=False),
        sa.Column("sip_username_key", TEXT, nullable=True),
        sa.Column("display_name", TEXT, server_default="", nullable=False),
        sa.Column("profile", TEXT, server_default="{}", nullable=False),
        sa.Column("sms_numbers", TEXT, server_default="[]", nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("listed", sa.Boolean(), nullable=False),
        sa.Column("messaging", sa.Boolean(), nullable=False),
        sa.Column("view", ROW, nullable=False),
        sa.Column("session_epoch", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("changed", sa.BigInteger(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["network"], ["networks.id"], name=op.f("fk_users_network"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("network", "cloud_username_key", name=op.f("uq_users_network_cloud_username_key")),
        sa.UniqueConstraint("network", "external_id", name=op.f("uq_users_network_external_id")),
        sa.UniqueConstraint("network", "sip_username_key", name=op.f("uq_users_network_sip_username_key")),
        sa.UniqueConstraint("uid", name=op.f("uq_users_uid")),
    )
    op.create_table(
        "book_members",
        sa.Column("book", ROW, nullable=False),
        sa.Column("user", ROW, nullable=False),
        sa.Column("access", TEXT, server_default="", nullable=False),
        sa.ForeignKeyConstraint(["book"], ["books.id"], name=op.f("fk_book_members_book"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user"], ["users.id"], name=op.f("fk_book_members_user"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("book", "user", name=op.f("pk_book_members")),
    )
    op.create_index(op.f("ix_book_members_user"), "book_members", ["user"], unique=False)
    op.create_table(
        "card_versions",
        sa.Column("id", ROW, nullable=False),
        sa.Column("book", ROW, nullable=False),
        sa.Column("href", TEXT, server_default="", nullable=False),
        sa.Column("uid", TEXT, server_default="", nullable=False),
        sa.Column("action", TEXT, server_default="", nullable=False),
        sa.Column("text", TEXT, server_default="", nullable=False),
        sa.Column("at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("actor", TEXT, server_default="", nullable=False),
        sa.Column("face", TEXT, server_default="", nullable=False),
        sa.Column("address", TEXT, server_default="", nullable=False),
        sa.Column("by", sa.BigInteger(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["book"], ["books.id"], name=op.f("fk_card_versions_book"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_card_versions")),
    )
    op.create_index(op.f("ix_card_versions_at"), "card_versions", ["at"], unique=False)
    op.create_index(op.f("ix_card_versions_book_by_at"), "card_versions", ["book", "by", "at"], unique=False)
    op.create_index(op.f("ix_card_versions_book_href_at"), "card_versions", ["book", "href", "at"], unique=False)
    op.create_table(
        "cards",
        sa.Column("id", ROW, nullable=False),
        sa.Column("book", ROW, nullable=False),
        sa.Column("href", TEXT, nullable=False),
        sa.Column("uid", TEXT, nullable=False),
        sa.Column("etag", TEXT, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("user", ROW, nullable=True),
        sa.Column("link", TEXT, nullable=False),
        sa.Column("modified", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("fn_key", TEXT, nullable=False),
        sa.Column("text", TEXT, nullable=False),
        sa.Column("fragment", TEXT, nullable=False),
        sa.ForeignKeyConstraint(["book"], ["books.id"], name=op.f("fk_cards_book"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user"], ["users.id"], name=op.f("fk_cards_user"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cards")),
        sa.UniqueConstraint("book", "href", name=op.f("uq_cards_book_href")),
        sa.UniqueConstraint("book", "uid", name=op.f("uq_cards_book_uid")),
    )
    op.create_index("ix_cards_changes", "cards", ["book", "seq", "href", "etag"], unique=False)
    op.create_index("ix_cards_names", "cards", ["book", "fn_key"], unique=False)
    op.create_index(op.f("ix_cards_user"), "cards", ["user"], unique=False)
    op.create_table(
        "codes",
        sa.Column("id", ROW, nullable=False),
        sa.Column("user", ROW, nullable=False),
        sa.Column("digest", TEXT, server_default="", nullable=False),
        sa.Column("session_epoch", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("made", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("expires", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("first_used", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("revoked", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["user"], ["users.id"], name=op.f("fk_codes_user"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_codes")),
        sa.UniqueConstraint("digest", name=op.f("uq_codes_digest")),
    )
    op.create_index(op.f("ix_codes_user"), "codes", ["user"], unique=False)
    op.create_table(
        "credentials",
        sa.Column("user", ROW, autoincrement=False, nullable=False),
        sa.Column("password_hash", TEXT, server_default="", nullable=False),
        sa.Column("secret_version", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("sip_password", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["user"], ["users.id"], name=op.f("fk_credentials_user"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user", name=op.f("pk_credentials")),
    )
    op.create_table(
        "devices",
        sa.Column("user", ROW, nullable=False),
        sa.Column("device", TEXT, nullable=False),
        sa.Column("first_seen", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("last_seen", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("revoked", sa.Boolean(), nullable=False),
        sa.Column("session_epoch", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("key_id", TEXT, server_default="", nullable=False),
        sa.ForeignKeyConstraint(["user"], ["users.id"], name=op.f("fk_devices_user"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user", "device", name=op.f("pk_devices")),
    )
    op.create_table(
        "grants",
        sa.Column("user", ROW, nullable=False),
        sa.Column("role", TEXT, server_default="", nullable=False),
        sa.Column("scope", sa.BigInteger(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["user"], ["users.id"], name=op.f("fk_grants_user"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user", "role", "scope", name=op.f("pk_grants")),
    )
    op.create_index(op.f("ix_grants_scope"), "grants", ["scope"], unique=False)
    op.create_table(
        "known_places",
        sa.Column("user", ROW, nullable=False),
        sa.Column("place", TEXT, nullable=False),
        sa.Column("last_seen", sa.BigInteger(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["user"], ["users.id"], name=op.f("fk_known_places_user"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user", "place", name=op.f("pk_known_places")),
    )
    op.create_table(
        "observations",
        sa.Column("user", ROW, nullable=False),
        sa.Column("face", TEXT, nullable=False),
        sa.Column("outcome", TEXT, nullable=False),
        sa.Column("at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("reason", TEXT, server_default="", nullable=False),
        sa.Column("agent", TEXT, server_default="", nullable=False),
        sa.Column("login", TEXT, server_default="", nullable=False),
        sa.Column("matched", TEXT, server_default="", nullable=False),
        sa.Column("device", TEXT, server_default="", nullable=False),
        sa.Column("cloud_id", TEXT, server_default="", nullable=False),
        sa.Column("network_id", TEXT, server_default="", nullable=False),
        sa.Column("book", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("seq", sa.BigInteger(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["user"], ["users.id"], name=op.f("fk_observations_user"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user", "face", "outcome", name=op.f("pk_observations")),
    )
    op.create_index(op.f("ix_observations_at"), "observations", ["at"], unique=False)
    op.create_table(
        "tombstones",
        sa.Column("book", ROW, nullable=False),
        sa.Column("href", TEXT, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("deleted", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["book"], ["books.id"], name=op.f("fk_tombstones_book"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("book", "href", name=op.f("pk_tombstones")),
    )
    op.create_index(op.f("ix_tombstones_book_seq"), "tombstones", ["book", "seq"], unique=False)
    op.create_table(
        "user_aliases",
        sa.Column("network", ROW, nullable=False),
        sa.Column("alias_key", TEXT, nullable=False),
        sa.Column("user", ROW, nullable=False),
        sa.ForeignKeyConstraint(["network"], ["networks.id"], name=op.f("fk_user_aliases_network"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user"], ["users.id"], name=op.f("fk_user_aliases_user"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("network", "alias_key", name=op.f("pk_user_aliases")),
    )
    op.create_index(op.f("ix_user_aliases_user"), "user_aliases", ["user"], unique=False)
    op.create_table(
        "user_keys",
        sa.Column("network", ROW, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("user", ROW, nullable=False),
        sa.ForeignKeyConstraint(["network"], ["networks.id"], name=op.f("fk_user_keys_network"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user"], ["users.id"], name=op.f("fk_user_keys_user"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("network", "kind", "key", "user", name=op.f("pk_user_keys")),
    )
    op.create_index(op.f("ix_user_keys_user"), "user_keys", ["user"], unique=False)
    op.create_table(
        "card_keys",
        sa.Column("network", ROW, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("card", ROW, nullable=False),
        sa.ForeignKeyConstraint(["card"], ["cards.id"], name=op.f("fk_card_keys_card"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["network"], ["networks.id"], name=op.f("fk_card_keys_network"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("network", "kind", "key", "card", name=op.f("pk_card_keys")),
    )
    op.create_index(op.f("ix_card_keys_card"), "card_keys", ["card"], unique=False)
