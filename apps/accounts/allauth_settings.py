"""How people sign in: allauth's settings (adr/0080). Imported into ``cxm.settings``; reads only the environment.

The e-mail address is the user name. A person may sign in with a password, a code sent by e-mail, or a passkey, and
may add an authenticator app. Sign-in needs no working mail: an address is verified when there is a reason to
(an invitation, a code, a reset), never as a gate before the first page.
"""

from datetime import timedelta
from urllib.parse import urlsplit

from cxm.settings.environment import read_environment

_ENV = read_environment()
_HOST = urlsplit(_ENV.base_url).hostname or ""

ACCOUNT_ADAPTER = "apps.accounts.adapter.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_USER_MODEL_EMAIL_FIELD = "email"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_SIGNUP_FORM_CLASS = "apps.accounts.forms.NameForm"
ACCOUNT_EMAIL_MAX_LENGTH = 254
ACCOUNT_UNIQUE_EMAIL = True
ACCOUNT_EMAIL_VERIFICATION = "optional"
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_CONFIRM_EMAIL_ON_GET = False
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = True
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_DEFAULT_HTTP_PROTOCOL = urlsplit(_ENV.base_url).scheme or "http"
ACCOUNT_LOGIN_BY_CODE_ENABLED = True
ACCOUNT_LOGIN_BY_CODE_TIMEOUT = 10 * 60
ACCOUNT_LOGIN_BY_CODE_MAX_ATTEMPTS = 3
ACCOUNT_LOGIN_BY_CODE_SUPPORTS_RESEND = True
ACCOUNT_LOGIN_ON_PASSWORD_RESET = False
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False
ACCOUNT_LOGOUT_REDIRECT_URL = "/accounts/login/"
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = 15 * 60
ACCOUNT_SESSION_REMEMBER = True

#: A client's address is taken from X-Forwarded-For only as far as proxies of ours wrote it.
ALLAUTH_TRUSTED_PROXY_COUNT = _ENV.trusted_proxies

MFA_ADAPTER = "apps.accounts.adapter.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "CXM"
MFA_TOTP_TOLERANCE = 1
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_ALLOW_UNVERIFIED_EMAIL = True
#: Browsers offer passkeys on localhost without https; nowhere else.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = _HOST in {"localhost", "127.0.0.1"}

USERSESSIONS_TRACK_ACTIVITY = False

SESSION_COOKIE_AGE = int(timedelta(days=14).total_seconds())
