"""Settings: one frozen object from a TOML file and `CARDDAV_MSG_*` variables, the variables winning.

Each field describes itself: the text beside it is what `config/carddav-msg.toml`, `config show` and the docs say. A
secret may also be given as a file, by the variable with `_FILE` at its end.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any, Final, get_type_hints
from urllib.parse import urlsplit

from carddav_msg.errors import ConfigurationError

PREFIX: Final = "CARDDAV_MSG_"
CONFIG_VARIABLE: Final = "CARDDAV_MSG_CONFIG"
MASK: Final = "********"


def _setting(default: Any, doc: str, *, secret: bool = False, minimum: int | None = None) -> Any:
    return field(default=default, metadata={"doc": doc, "secret": secret, "minimum": minimum})


@dataclass(frozen=True, slots=True, repr=False)
class Settings:
    """Everything an operator may choose. Times are seconds, sizes bytes, unless the text says otherwise."""

    database_url: str = _setting(
        "sqlite:///var/carddav-msg.db",
        "Where the directory lives, as a SQLAlchemy URL: sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/NAME.",
        secret=True,
    )
    keys_file: str = _setting(
        "var/keys.toml", "The file with the keys, made by `carddav-msg keys init`; keep a copy apart from the database."
    )
    keys: str = _setting(
        "", "The text of the keys file itself, for machines without files; wins over keys_file.", secret=True
    )
    public_url: str = _setting(
        "http://127.0.0.1:8080",
        "The address of this server as phones see it, without a path; photos are served under it.",
    )
    host: str = _setting("127.0.0.1", "The address that `serve` listens on; unix:/PATH is a Unix socket.")
    port: int = _setting(8080, "The port that `serve` listens on; 0 takes a free one.", minimum=0)
    workers: int = _setting(2, "Processes that answer requests.", minimum=1)
    threads: int = _setting(
        24,
        "Threads in each process: more than there are guessers at a time, so that known phones needn't wait.",
        minimum=1,
    )
    log_level: str = _setting("info", "debug, info, warning or error.")
    cloud_username_property: str = _setting("X-CLOUD-USERNAME", "The vCard property that carries the Cloud Username.")
    network_id_property: str = _setting("X-NETWORK-ID", "The vCard property that carries the Network ID.")
    cloud_username_aliases: tuple[str, ...] = _setting((), "Further property names sent with the Cloud Username.")
    network_id_aliases: tuple[str, ...] = _setting((), "Further property names sent with the Network ID.")
    contacts_own_entry: bool = _setting(False, "Send a user's own entry in Web Service Contacts too.")
    contacts_books: tuple[str, ...] = _setting(
        ("directory", "shared"),
        "Whose cards are Web Service Contacts: directory, shared, personal, or the names of single shared books.",
    )
    contacts_checksum: bool = _setting(
        False, "Send a `checksum` with each contact; the vendor's example for messaging has none (unverified)."
    )
    device_credentials: bool = _setting(
        True,
        "Return a credential of the device as cloud_password; off: the password that was sent comes back, and sign-in"
        " codes open nothing.",
    )
    code_days: int = _setting(7, "How many days a sign-in code (QR) waits for its first use.", minimum=1)
    code_minutes: int = _setting(30, "How many minutes it enrols phones from its first use on.", minimum=1)
    refresh_interval: int = _setting(
        3600,
        "extProvInterval of accounts: after how many seconds a phone asks again, give or take a tenth for each user;"
        " 0 leaves extProvUrl and extProvInterval out.",
        minimum=0,
    )
    refresh_method: str = _setting(
        "get", "How it asks: get, or post, which keeps the credential out of logs (unverified with the vendor)."
    )
    cleared_days: int = _setting(
        30, "How many days account nodes that are set no longer are sent empty, so that apps forget them.", minimum=0
    )
    auth_any_login: bool = _setting(
        False,
        "Let External Authentication accept logins with a network or a domain; chat may then know them by it.",
    )
    auth_xml_names: tuple[str, ...] = _setting(
        ("response", "uri", "numbers", "number"),
        "Element names of the External Authentication answer: root, SIP URI, list, entry (unverified with the vendor).",
    )
    argon2_memory: int = _setting(19_456, "Memory of one password hash in KiB.", minimum=8)
    argon2_time: int = _setting(2, "Passes of one password hash.", minimum=1)
    argon2_parallelism: int = _setting(1, "Lanes of one password hash.", minimum=1)
    verified_for: int = _setting(
        900, "How long a verified password is remembered in memory, as a keyed digest.", minimum=0
    )
    max_body_size: int = _setting(4 * 1024 * 1024, "The largest request body that is read.", minimum=1024)
    max_card_size: int = _setting(1024 * 1024, "The largest vCard that is kept.", minimum=1024)
    page_size: int = _setting(1000, "Rows read from the database at a time while an answer is sent.", minimum=1)
    throttle_user: int = _setting(
        20, "Wrong passwords for one user in throttle_window, from wherever, before further ones wait.", minimum=1
    )
    throttle_pair: int = _setting(
        10, "Wrong passwords for one user from one address in throttle_window before further ones wait.", minimum=1
    )
    throttle_address: int = _setting(
        100, "Wrong passwords from one address (IPv6: one /64) in throttle_window before further ones wait.", minimum=1
    )
    throttle_window: int = _setting(900, "How long a wrong password counts; the same one counts once.", minimum=1)
    throttle_size: int = _setting(
        50_000,
        "How many users, addresses and pairs each process counts; beyond, the longest unused is forgotten.",
        minimum=100,
    )
    known_days: int = _setting(
        30,
        "How many days after a sign-in a user never waits in the same surroundings (/24, IPv6: /64); 0: always waits.",
        minimum=0,
    )
    shared_sources: tuple[str, ...] = _setting(
        (), "Addresses and ranges that many people come from (office NAT): throttle_address is not for them."
    )
    redis_url: str = _setting(
        "",
        "redis://HOST:PORT/DB, where all processes count wrong passwords together; without it each has its share of the"
        " limits.",
        secret=True,
    )
    trusted_proxies: tuple[str, ...] = _setting(
        (),
        "Addresses and ranges of the proxies in front, and `unix` for those on a Unix socket: they are believed about"
        " who asks, with which scheme and for which host.",
    )
    proxy_header: str = _setting(
        "X-Forwarded-For",
        "The one header in which they say who asks: X-Forwarded-For, Forwarded, or another one with an address.",
    )
    proxy_secret_header: str = _setting(
        "X-Proxy-Secret", "The header in which a proxy proves itself with proxy_secret."
    )
    proxy_secret: str = _setting(
        "", "If set, a proxy is believed only with this text in proxy_secret_header.", secret=True
    )
    auth_access: str = _setting(
        "open", "Whom External Authentication answers: open (everybody) or closed (auth_allowed_sources only)."
    )
    auth_allowed_sources: tuple[str, ...] = _setting(
        (), "Addresses and ranges of the SSO server; throttle_address is not for them either."
    )
    plain_http: str = _setting(
        "refuse",
        "refuse or allow credentials without https. A loopback address or Unix socket to listen on needs none, unless a"
        " trusted proxy says that the client used http.",
    )
    hsts: int = _setting(
        31_536_000, "Strict-Transport-Security of answers over https, in seconds; 0 sends none.", minimum=0
    )
    cors_origins: tuple[str, ...] = _setting(
        (), "Origins (https://app.example.com) whose pages may read /contacts in a browser."
    )
    access_log: bool = _setting(False, "Write a line for each request: route, harmless parameters, status, time.")
    metrics_port: int = _setting(0, "The port for Prometheus; 0 counts nothing.", minimum=0)
    metrics_host: str = _setting("127.0.0.1", "The address that metrics are served on.")
    history_days: int = _setting(90, "How many days overwritten and deleted cards can be restored.", minimum=1)
    audit_days: int = _setting(400, "How many days the audit of changes is kept.", minimum=1)
    observation_days: int = _setting(
        90, "How many days the last sign-ins and refusals of a user are shown by `why` and `user timeline`.", minimum=1
    )
    deletion_guard_cards: int = _setting(
        20, "More deletions than this in a shared book by one user in 10 minutes are refused ...", minimum=1
    )
    deletion_guard_percent: int = _setting(20, "... if they are also more than this share of the book.", minimum=1)
    tombstone_days: int = _setting(400, "How many days deletions are remembered for clients that sync.", minimum=1)

    def __repr__(self) -> str:
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in self.masked().items())})"

    def masked(self) -> dict[str, object]:
        """Name → value, with every secret masked; a database URL keeps all but its password."""
        shown: dict[str, object] = {}
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name == "database_url":
                value = mask_url(value)
            elif item.metadata["secret"] and value:
                value = MASK
            shown[item.name] = value
        return shown


def load(path: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Settings of a TOML file (default: the one that `CARDDAV_MSG_CONFIG` names) and of the environment.

    Raises ConfigurationError with every problem: unknown keys, wrong types, values out of range, unreadable files.
    """
    environ = os.environ if environ is None else environ
    problems: list[str] = []
    values: dict[str, Any] = {}
    if path is None and environ.get(CONFIG_VARIABLE):
        path = Path(environ[CONFIG_VARIABLE])
    known = {item.name: item for item in fields(Settings)}
    types = get_type_hints(Settings)
    for key, value in _read_file(path, problems).items():
        if key not in known:
            problems.append(f"{path}: unknown setting {key!r}.")
        else:
            values[key] = _typed(value, types[key], f"{path}: {key}", problems)
    for name, item in known.items():
        # keys_file is a setting of its own, so it is not also "the file with the value of keys".
        text = _from_environment(name, item, environ, problems, secret_files=f"{name}_file" not in known)
        if text is not None:
            values[name] = _parsed(text, types[name], PREFIX + name.upper(), problems)
    for variable in sorted(environ):
        name = variable.removeprefix(PREFIX).lower()
        if (
            variable.startswith(PREFIX)
            and variable != CONFIG_VARIABLE
            and name.removesuffix("_file") not in known
            and name not in known
        ):
            problems.append(f"{variable}: unknown setting.")
    if not problems:
        settings = Settings(**values)
        _check(settings, problems)
    if problems:
        raise ConfigurationError(problems)
    return settings


def mask_url(url: str) -> str:
    """A database URL without its password."""
    parts = urlsplit(url)
    return url.replace(f":{parts.password}@", f":{MASK}@") if parts.password else url


def _read_file(path: Path | None, problems: list[str]) -> Mapping[str, Any]:
    if path is None:
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        problems.append(f"{path}: can't be read: {error.strerror}.")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        problems.append(f"{path}: is not TOML: {error}.")
    return {}


def _from_environment(
    name: str, item: Field[Any], environ: Mapping[str, str], problems: list[str], *, secret_files: bool
) -> str | None:
    variable = PREFIX + name.upper()
    if variable in environ:
        return environ[variable]
    file = environ.get(variable + "_FILE") if item.metadata["secret"] and secret_files else None
    if file is None:
        return None
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except OSError as error:
        problems.append(f"{variable}_FILE: {file} can't be read: {error.strerror}.")
        return None


def _parsed(text: str, kind: object, place: str, problems: list[str]) -> Any:
    """A value of an environment variable; lists are separated by commas."""
    if kind is bool:
        if text.lower() in ("1", "true", "yes", "on", "0", "false", "no", "off"):
            return text.lower() in ("1", "true", "yes", "on")
        problems.append(f"{place}: {text!r} is neither true nor false.")
    elif kind is int:
        try:
            return int(text)
        except ValueError:
            problems.append(f"{place}: {text!r} is not a whole number.")
    elif kind is not str:
        return tuple(filter(None, (part.strip() for part in text.split(","))))
    return text


def _typed(value: Any, kind: object, place: str, problems: list[str]) -> Any:
    """A value of the TOML file, of the type that the setting has."""
    if kind is bool or kind is int or kind is str:
        if type(value) is not kind:
            problems.append(f"{place}: a {_NAMES[kind]} is needed here.")
        return value
    if not (isinstance(value, list) and all(isinstance(part, str) for part in value)):
        problems.append(f"{place}: a list of texts is needed here.")
        return value
    return tuple(value)


def _check(settings: Settings, problems: list[str]) -> None:
    for item in fields(settings):
        minimum = item.metadata["minimum"]
        if minimum is not None and getattr(settings, item.name) < minimum:
            problems.append(f"{item.name}: at least {minimum} is needed.")
    if settings.log_level.lower() not in ("debug", "info", "warning", "error"):
        problems.append(f"log_level: {settings.log_level!r} is none of debug, info, warning, error.")
    problems += [
        f"{name}: {getattr(settings, name)!r} is none of {', '.join(words)}."
        for name, words in _WORDS.items()
        if getattr(settings, name) not in words
    ]
    if not settings.redis_url:
        problems += [
            f"{name}: with {settings.workers} workers at least {settings.workers} are needed, or redis_url."
            for name in ("throttle_user", "throttle_pair", "throttle_address")
            if getattr(settings, name) < settings.workers
        ]
    problems += [
        f"cors_origins: {origin!r} is no origin such as https://app.example.com."
        for origin in settings.cors_origins
        if not _is_origin(origin)
    ]
    public = urlsplit(settings.public_url)
    if public.scheme not in ("http", "https") or not public.hostname or public.path.strip("/") or public.query:
        problems.append("public_url: a URL such as https://contacts.example.com, without a path, is needed here.")
    if len(settings.auth_xml_names) != 4:
        problems.append("auth_xml_names: four names are needed: root, SIP URI, list, entry.")
    properties = [settings.cloud_username_property, settings.network_id_property]
    properties += [*settings.cloud_username_aliases, *settings.network_id_aliases]
    problems += [
        f"{name!r}: a vCard extension property begins with X- and has letters, digits and '-'."
        for name in properties
        if not (name.upper().startswith("X-") and name.replace("-", "").isalnum() and name.isascii())
    ]
    if len({name.upper() for name in properties}) != len(properties):
        problems.append("cloud_username_property, network_id_property and their aliases must all differ.")


def _is_origin(text: str) -> bool:
    """Scheme, host and perhaps port, as browsers send it (RFC 6454 §6.2); never `*` or `null`."""
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and f"{parts.scheme}://{parts.netloc}" == text
    except ValueError:
        return False


_WORDS: Final = {
    "auth_access": ("open", "closed"),
    "plain_http": ("refuse", "allow"),
    "refresh_method": ("get", "post"),
}
_NAMES: Final = {bool: "true or false", int: "whole number", str: "text"}
