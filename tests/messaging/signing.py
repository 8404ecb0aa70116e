"""Requests as the providers send and sign them, after their documentation: nothing here comes from what reads them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.http import HttpResponse
from django.test import Client

from apps.messaging.addresses import hook_password, hook_token
from apps.messaging.models import Provider

BASE = "https://cxm.example"
"""What the installation is called from outside while these tests run."""
_SENDGRID_KEY = ec.generate_private_key(ec.SECP256R1())
_SENDGRID_PUBLIC = base64.b64encode(
    _SENDGRID_KEY.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
).decode()

CREDENTIALS: dict[str, dict[str, str]] = {
    "mailgun": {
        "api_key": "key-mailgun-secret",
        "sender_domain": "mg.nordwind.example",
        "webhook_signing_key": "mailgun-signing-secret",
        "inbound_address": "replies@in.nordwind.example",
    },
    "postmark": {"server_token": "postmark-secret", "inbound_address": "replies@in.nordwind.example"},
    "sendgrid": {
        "api_key": "sendgrid-secret",
        "tracking_webhook_verification_key": _SENDGRID_PUBLIC,
        "inbound_address": "replies@in.nordwind.example",
    },
    "brevo": {"api_key": "brevo-secret"},
    "mailjet": {
        "api_key": "mailjet-key-secret",
        "secret_key": "mailjet-secret",
        "inbound_address": "replies@in.nordwind.example",
    },
    "mailersend": {
        "api_token": "mailersend-secret",
        "signing_secret": "mailersend-signing-secret",
        "inbound_secret": "mailersend-inbound-secret",
        "inbound_address": "replies@in.nordwind.example",
    },
    "sparkpost": {"api_key": "sparkpost-secret", "inbound_address": "replies@in.nordwind.example"},
    "twilio": {"account_sid": "AC" + "1" * 32, "auth_token": "twilio-secret"},
    "local": {},
}


@dataclass
class Signed:
    """A request ready to be posted to a provider row's address."""

    body: bytes
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)

    def post(self, provider: Provider, *, replies: bool = False, query: str = "") -> HttpResponse:
        path = f"/hooks/{hook_token(provider)}/{'in/' if replies else ''}{query}"
        answer = Client().post(path, self.body, content_type=self.content_type, headers=self.headers, secure=True)
        assert isinstance(answer, HttpResponse)
        return answer


def basic(provider: Provider) -> dict[str, str]:
    pair = base64.b64encode(f"cxm:{hook_password(provider)}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}


def signed(provider: Provider, said: Any, *, replies: bool = False, query: str = "") -> Signed:
    """`said` as the provider of this row would post it: JSON, or a form where it is a mapping for a form."""
    match provider.backend:
        case "mailgun" if replies:
            return _form({**said, **_mailgun("mailgun-signing-secret")})
        case "mailgun":
            return _json({"signature": _mailgun("mailgun-signing-secret"), "event-data": said})
        case "sendgrid" if not replies:
            body = json.dumps(said).encode()
            signature = _SENDGRID_KEY.sign(b"1700000000" + body, ec.ECDSA(hashes.SHA256()))
            return Signed(
                body,
                headers={
                    "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signature).decode(),
                    "X-Twilio-Email-Event-Webhook-Timestamp": "1700000000",
                },
            )
        case "sendgrid":
            return _form(said, basic(provider))
        case "mailersend":
            secret = CREDENTIALS["mailersend"]["inbound_secret" if replies else "signing_secret"]
            body = json.dumps(said).encode()
            return Signed(body, headers={"Signature": hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()})
        case "twilio":
            url = f"{BASE}/hooks/{hook_token(provider)}/{'in/' if replies else ''}{query}"
            text = url + "".join(name + said[name] for name in sorted(said))
            mac = hmac.new(b"twilio-secret", text.encode(), hashlib.sha1).digest()
            return _form(said, {"X-Twilio-Signature": base64.b64encode(mac).decode()})
    return _json(said, basic(provider))


def _mailgun(key: str) -> dict[str, str]:
    mac = hmac.new(key.encode(), b"1700000000" + b"token-of-this-event", hashlib.sha256)
    return {"timestamp": "1700000000", "token": "token-of-this-event", "signature": mac.hexdigest()}


def _json(said: Any, headers: dict[str, str] | None = None) -> Signed:
    return Signed(json.dumps(said).encode(), headers=headers or {})


def _form(said: Mapping[str, str], headers: dict[str, str] | None = None) -> Signed:
    return Signed(urlencode(said).encode(), "application/x-www-form-urlencoded", headers or {})
