"""The one place that reads the process environment (docs/operating.md lists the variables).

URL forms: ``postgresql://user:password@host:port/name`` or, over a socket,
``postgresql://user:password@/name?host=/path/of/socket/directory``; ``redis://host:port/0`` or
``unix:///path/valkey.sock?db=0``.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

ROOT = Path(__file__).resolve().parent.parent.parent


def _flag(name: str, default: bool = False) -> bool:
    return os.environ.get(name, str(default)).strip().lower() in {"1", "true", "yes", "on"}


@dataclass(frozen=True, slots=True)
class Environment:
    """What the operator told us. Empty texts mean "not given"."""

    database_url: str = field(repr=False, default="")
    database_owner_url: str = field(repr=False, default="")
    database_platform_url: str = field(repr=False, default="")
    database_backup_url: str = field(repr=False, default="")
    redis_url: str = field(repr=False, default="")
    email_url: str = field(repr=False, default="")
    secret_key: str = field(repr=False, default="")
    allowed_hosts: tuple[str, ...] = ()
    base_url: str = "http://localhost:8000"
    debug: bool = False
    data_dir: Path = ROOT / "var"
    trusted_proxies: int = 0
    metrics_token: str = field(repr=False, default="")
    metrics_directory: str = ""
    log_level: str = "INFO"
    citus: bool = False


def read_environment() -> Environment:
    """Read the environment once. Raises ValueError naming the variable that cannot be understood."""
    get = os.environ.get
    proxies = get("TRUSTED_PROXIES", "0")
    if not proxies.isdigit():
        raise ValueError(f"TRUSTED_PROXIES must be the number of proxies before the web server, not {proxies!r}")
    data_dir = Path(get("CXM_DATA_DIR") or ROOT / "var").expanduser().resolve()
    return Environment(
        database_url=get("DATABASE_URL", ""),
        database_owner_url=get("DATABASE_OWNER_URL", ""),
        database_platform_url=get("DATABASE_PLATFORM_URL", ""),
        database_backup_url=get("DATABASE_BACKUP_URL", ""),
        redis_url=get("REDIS_URL", ""),
        email_url=get("EMAIL_URL", ""),
        secret_key=get("SECRET_KEY", "") or _stored_secret(data_dir),
        allowed_hosts=tuple(host.strip() for host in get("ALLOWED_HOSTS", "").split(",") if host.strip()),
        base_url=get("BASE_URL", "http://localhost:8000").rstrip("/"),
        debug=_flag("DEBUG"),
        data_dir=data_dir,
        trusted_proxies=int(proxies),
        metrics_token=get("METRICS_TOKEN", ""),
        metrics_directory=get("PROMETHEUS_MULTIPROC_DIR", ""),
        log_level=get("LOG_LEVEL", "INFO").upper(),
        citus=_flag("CXM_CITUS"),
    )


def _stored_secret(data_dir: Path) -> str:
    """The secret key that the first start made in the data directory, or "" before that."""
    try:
        return (data_dir / "secret_key").read_text().strip()
    except OSError:
        return ""


def database_settings(url: str) -> dict[str, Any]:
    """Django's database settings for a ``postgresql://`` URL. Raises ValueError when it is not one."""
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"} or not parts.path.strip("/"):
        raise ValueError("a database URL reads postgresql://user:password@host:port/name")
    query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    host = query.pop("host", None) or parts.hostname or ""
    return {
        "ENGINE": "cxm.db",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": host,
        "PORT": str(query.pop("port", "") or parts.port or ""),
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": query,
    }


def broker_url(redis_url: str) -> str:
    """Celery's form of a Redis or Valkey URL: sockets are ``redis+socket://``."""
    if not redis_url.startswith("unix://"):
        return redis_url
    parts = urlsplit(redis_url)
    number = parse_qs(parts.query).get("db", ["0"])[-1]
    credentials = f"{parts.username or ''}:{parts.password}@" if parts.password else ""
    return f"redis+socket://{credentials}{parts.path}?virtual_host={number}"


def email_settings(url: str) -> dict[str, Any]:
    """Django's SMTP settings for ``smtp://``, ``smtps://`` or ``smtp+starttls://``; without a URL, the mailbox page."""
    if not url:
        return {"EMAIL_BACKEND": "apps.dispatch.mailbox.MailboxBackend"}
    parts = urlsplit(url)
    ports = {"smtp": 25, "smtps": 465, "smtp+starttls": 587}
    if parts.scheme not in ports or not parts.hostname:
        raise ValueError("EMAIL_URL reads smtp://[user:password@]host:port, smtps://... or smtp+starttls://...")
    return {
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": parts.hostname,
        "EMAIL_PORT": parts.port or ports[parts.scheme],
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_SSL": parts.scheme == "smtps",
        "EMAIL_USE_TLS": parts.scheme == "smtp+starttls",
        "EMAIL_TIMEOUT": 20,
    }
