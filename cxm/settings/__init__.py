"""Django settings. Everything that differs between installations comes from :mod:`cxm.settings.environment`."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from csp.constants import NONCE, NONE, SELF

from cxm.logging import logging_settings
from cxm.settings.environment import ROOT, broker_url, database_settings, email_settings, read_environment

ENV = read_environment()

# -- identity and hosts -----

DEBUG = ENV.debug
SECRET_KEY = ENV.secret_key or "not-served-with-this-key"  # `up`, wsgi and the checks refuse to serve with it
BASE_URL = ENV.base_url
IS_HTTPS = BASE_URL.startswith("https://")
_base_host = urlsplit(BASE_URL).hostname or "localhost"
ALLOWED_HOSTS = [*dict.fromkeys([*ENV.allowed_hosts, "localhost", "127.0.0.1", "[::1]", _base_host])]
DATA_DIR = ENV.data_dir
MEDIA_ROOT = DATA_DIR / "uploads"
TRUSTED_PROXIES = ENV.trusted_proxies
METRICS_TOKEN = ENV.metrics_token
METRICS_DIRECTORY = ENV.metrics_directory

# -- applications -----

DOMAIN_APPS = [
    "console",
    "api",
    "demo",
    "dashboards",
    "imports",
    "integrity",
    "opportunities",
    "insights",
    "workshops",
    "paths",
    "journeys",
    "ideas",
    "metrics",
    "collectors",
    "dispatch",
    "personas",
    "segments",
    "surveys",
    "touchpoints",
    "interactions",
    "privacy",
    "messaging",
    "customers",
    "comments",
    "sharing",
    "organizations",
    "accounts",
    "audit",
    "outbox",
]
INSTALLED_APPS = [
    *(f"apps.{name}" for name in DOMAIN_APPS),
    "cxm",
    "cxm.web",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "template_partials",
    "csp",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "rest_framework",
    "drf_spectacular",
    "django_filters",
]

MIDDLEWARE = [
    "cxm.logging.RequestLogMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
    "cxm.web.middleware.SecurityHeadersMiddleware",
    "apps.accounts.middleware.ClientAddressMiddleware",
    "apps.api.middleware.ApiKeyMiddleware",
    "apps.organizations.middleware.TenantMiddleware",
    "cxm.web.middleware.DomainErrorMiddleware",
]

ROOT_URLCONF = "cxm.urls"
WSGI_APPLICATION = "cxm.wsgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "builtins": ["template_partials.templatetags.partials"],
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
                "cxm.web.context.shell",
            ],
        },
    }
]

# -- database, broker, cache -----

CXM_TENANT_MODEL = "organizations.Organization"
CXM_CITUS = ENV.citus
CXM_CITUS_REFERENCE_MODELS = {"accounts.User", "organizations.Organization"}

DATABASES: dict[str, dict[str, Any]] = {
    "default": {
        **database_settings(ENV.database_url or "postgresql://cxm_app@/cxm?host=/nonexistent"),
        "ATOMIC_REQUESTS": True,
    }
}
if ENV.database_owner_url:
    DATABASES["owner"] = {**database_settings(ENV.database_owner_url), "CONN_MAX_AGE": 0, "TEST": {"MIRROR": "default"}}
PLATFORM_DATABASE_URL = ENV.database_platform_url
BACKUP_DATABASE_URL = ENV.database_backup_url
OWNER_DATABASE_URL = ENV.database_owner_url
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = ENV.redis_url or "unix:///nonexistent/valkey.sock?db=0"
CELERY_BROKER_URL = broker_url(REDIS_URL)
CACHES = {
    "default": {
        "BACKEND": "cxm.cache.SharedCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "cxm",
        "OPTIONS": {"socket_connect_timeout": 0.5, "socket_timeout": 1.0},
    }
}

# -- people and sessions -----

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "/accounts/login/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/accounts/login/"
SESSION_COOKIE_NAME = "cxm_session"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = IS_HTTPS
CSRF_COOKIE_NAME = "cxm_csrf"
CSRF_COOKIE_SECURE = IS_HTTPS
CSRF_COOKIE_HTTPONLY = True
CSRF_USE_SESSIONS = False
CSRF_FAILURE_VIEW = "cxm.web.views.csrf_failure"
CSRF_TRUSTED_ORIGINS = [BASE_URL]

from apps.accounts.allauth_settings import *  # noqa: E402, F403

# -- language, time -----

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English")]
LOCALE_PATHS = [ROOT / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

# -- static files and uploads -----

STATIC_URL = "/static/"
STATICFILES_DIRS = [ROOT / "static"]
STATIC_ROOT = DATA_DIR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "cxm.web.staticfiles.HashedStaticFilesStorage"
    },
}
WHITENOISE_MAX_AGE = 31536000
FILE_UPLOAD_PERMISSIONS = 0o600
FILE_UPLOAD_HANDLERS = [
    "cxm.web.uploads.RefuseGiants",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000

# -- mail -----

globals().update(email_settings(ENV.email_url))
EMAIL_URL_IS_SET = bool(ENV.email_url)
DEFAULT_FROM_EMAIL = f"CXM <noreply@{_base_host}>"
SERVER_EMAIL = DEFAULT_FROM_EMAIL
CXM_PROVIDER_URLS: dict[str, str] = {}
"""Where the interface of a provider of messages stands, by its key, if not where it always stands."""

# -- headers: the policy of design/ui.md 14 -----

CONTENT_SECURITY_POLICY: dict[str, Any] = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, NONCE],
        "style-src": [SELF],
        "img-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-src": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        "manifest-src": [SELF],
        "worker-src": [SELF],
        "require-trusted-types-for": ["'script'"],
        "trusted-types": ["htmx"],
        "report-uri": "/csp/",
        **({"upgrade-insecure-requests": True} if IS_HTTPS else {}),
    }
}
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "strict-origin-when-cross-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SECURE_HSTS_SECONDS = 31536000 if IS_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = IS_HTTPS
if TRUSTED_PROXIES:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# -- API -----

from cxm.api.settings import REST_FRAMEWORK, SPECTACULAR_SETTINGS  # noqa: E402, F401

# -- logging -----

LOG_LEVEL = ENV.log_level
LOGGING = logging_settings(LOG_LEVEL, for_people=DEBUG)
