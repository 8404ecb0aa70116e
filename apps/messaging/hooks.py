"""Where providers post what became of messages, and what people wrote back. Public; the signature is the key."""

from __future__ import annotations

import logging
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from apps.messaging.addresses import read_hook_token
from apps.messaging.backends import BACKENDS
from apps.messaging.incoming import NotSigned, NotUnderstood, read_reports
from apps.messaging.models import Provider
from apps.messaging.services import record_reports
from cxm.scope import tenant
from cxm.web.views import public_view

log = logging.getLogger(__name__)

_NO_ANSWER = '<?xml version="1.0" encoding="UTF-8"?><Response/>'
"""What Twilio wants to hear when nothing is to be sent back."""


@public_view
@csrf_exempt
@require_http_methods(["HEAD", "POST"])
def take_reports(request: HttpRequest, token: str) -> HttpResponse:
    """What became of messages. 200 once it is stored, also when it was before; 403 without the provider's signature."""
    return _take(request, token, replies=False)


@public_view
@csrf_exempt
@require_http_methods(["HEAD", "POST"])
def take_replies(request: HttpRequest, token: str) -> HttpResponse:
    """What people wrote back."""
    return _take(request, token, replies=True)


def _take(request: HttpRequest, token: str, *, replies: bool) -> HttpResponse:
    subject = read_hook_token(token)
    if subject is None:
        raise Http404
    with tenant(subject.organization_id):
        provider = Provider.objects.filter(pk=subject.row_id, backend__in=BACKENDS.keys()).first()
        if provider is None:
            raise Http404
        if request.method == "HEAD":
            return HttpResponse()
        about: dict[str, Any] = {"provider": str(provider.pk), "organization": str(subject.organization_id)}
        try:
            reports = read_reports(provider, request, replies=replies)
        except NotSigned:
            log.warning("a report without the provider's signature was refused", extra=about)
            return HttpResponse(status=403)
        except NotUnderstood as error:
            log.warning("a report could not be read: %s", error, extra=about)
            return HttpResponse(status=400)
        record_reports(provider=provider, reports=reports)
    return HttpResponse(_NO_ANSWER, content_type="text/xml")
