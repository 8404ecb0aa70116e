"""Trying out the mail server: one real mail, and what the server answered to each step."""

import smtplib
import socket
from dataclasses import dataclass, field
from email.message import Message

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.smtp import EmailBackend
from django.utils.translation import gettext as _

#: A person waits for the answer on a page.
TIMEOUT_S = 10


@dataclass
class Trial:
    """How a test mail fared: whether it was taken, and the conversation, a line a step."""

    accepted: bool = False
    lines: list[str] = field(default_factory=list)


def server_description() -> str:
    """Where mail goes, without user name and password; "" for the built-in mailbox."""
    if not settings.EMAIL_URL_IS_SET:
        return ""
    security = "TLS" if settings.EMAIL_USE_SSL else "STARTTLS" if settings.EMAIL_USE_TLS else _("no encryption")
    return f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT} ({security})"


def send_test_mail(to: str) -> Trial:
    """Send one mail to ``to`` and report the server's own words. Never raises for a server that refuses or is away.

    Takes up to ``TIMEOUT_S`` seconds a step: call it outside of a transaction that others wait for.
    """
    message = EmailMessage(
        _("Test mail"),
        _("This mail was sent from the settings page. If you can read it, mail works.\n\n%(url)s\n")
        % {"url": settings.BASE_URL},
        settings.DEFAULT_FROM_EMAIL,
        [to],
        headers={"Auto-Submitted": "auto-generated"},
    )
    connection = get_connection()
    trial = Trial()
    try:
        if isinstance(connection, EmailBackend):
            connection.timeout = TIMEOUT_S
            _talk(connection, message.from_email, to, message.message(), trial)
        else:
            connection.send_messages([message])
            trial.accepted = True
            trial.lines.append(_("Put into the built-in mailbox: no mail server is configured (EMAIL_URL)."))
    except smtplib.SMTPResponseException as error:
        trial.lines.append(f"{error.smtp_code} {_text(error.smtp_error)}")
    except smtplib.SMTPException as error:
        trial.lines.append(str(error))
    except TimeoutError:
        trial.lines.append(_("No answer within %(seconds)d seconds.") % {"seconds": TIMEOUT_S})
    except socket.gaierror:
        trial.lines.append(_("There is no machine of the name %(host)s.") % {"host": settings.EMAIL_HOST})
    except OSError as error:
        trial.lines.append(_("No connection: %(reason)s.") % {"reason": error.strerror or type(error).__name__})
    return trial


def _talk(connection: EmailBackend, sender: str, to: str, message: Message, trial: Trial) -> None:
    """The steps of one delivery, each with the server's answer."""
    connection.open()
    server = connection.connection
    if server is None:
        raise OSError(_("the connection could not be opened"))
    try:
        trial.lines.append(_("Connected to %(host)s:%(port)s.") % {"host": connection.host, "port": connection.port})
        steps = (
            ("MAIL FROM", lambda: server.mail(sender.partition("<")[2].rstrip(">") or sender)),
            ("RCPT TO", lambda: server.rcpt(to)),
            ("DATA", lambda: server.data(message.as_bytes())),
        )
        for name, step in steps:
            code, answer = step()
            trial.lines.append(f"{name}: {code} {_text(answer)}")
            if code >= 400:
                return
        trial.accepted = True
    finally:
        connection.close()


def _text(answer: bytes | str) -> str:
    """What the server said, readable and not endless."""
    words = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
    return " ".join(words.split())[:500]
