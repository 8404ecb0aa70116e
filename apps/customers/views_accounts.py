"""The pages of accounts."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.customers import accounts, queries
from apps.customers.account_filters import AccountFilter
from apps.customers.models import Account
from apps.customers.rules import attributes_from_lines, attributes_to_lines
from cxm.web.forms import domain_errors_into
from cxm.web.http import MemberRequest
from cxm.web.keyset import keyset_page
from cxm.web.urls import org_url
from cxm.web.views import permission_required, render_page, see_other

PAGE_SIZE = 50
COUNTED = 10_000
SORTS = {"name": "name", "key": "key", "created": "created_at"}


class AccountForm(forms.Form):
    """Make or change an account; the key of one that is there cannot change."""

    name = forms.CharField(label=gettext_lazy("Name"), required=False, max_length=200)
    key = forms.CharField(
        label=gettext_lazy("Key"),
        max_length=200,
        help_text=gettext_lazy(
            "Its id in your other systems, or its name. Customers name the account by it, for ever."
        ),
    )
    attributes = forms.CharField(
        label=gettext_lazy("Attributes"),
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text=gettext_lazy("One a line, as name: value. Numbers, true, false and null are taken as such."),
    )

    def __init__(self, *args: Any, account: Account | None = None, **kwargs: Any) -> None:
        if account is not None:
            kwargs["initial"] = {
                "name": account.name,
                "key": account.key,
                "attributes": attributes_to_lines(account.attributes),
            }
        super().__init__(*args, **kwargs)
        if account is not None:
            self.fields["key"].disabled = True

    def clean_attributes(self) -> dict[str, Any]:
        """The lines as an object."""
        try:
            return attributes_from_lines(self.cleaned_data["attributes"])
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None


@permission_required("customers.view")
def account_list(request: MemberRequest) -> HttpResponse:
    """The accounts, searched and sorted, however many there are."""
    found = AccountFilter(request.GET or None, queryset=accounts.accounts(request.actor), request=request)
    rows = found.qs if not found.is_bound or found.form.is_valid() else found.queryset.none()
    sort = request.GET.get("sort", "")
    column = SORTS.get(sort.removeprefix("-"), "name")
    count = queries.count_up_to(rows, COUNTED)
    context = {
        "filter": found,
        "page": keyset_page(request, rows, column=column, descending=sort.startswith("-"), size=PAGE_SIZE),
        "count": min(count, COUNTED),
        "is_more": count > COUNTED,
    }
    return render_page(request, "customers/accounts.html", context, partial="list")


@permission_required("customers.view")
def account_detail(request: MemberRequest, pk: UUID) -> HttpResponse:
    """One account with its attributes and its customers."""
    account = accounts.account_for(request.actor, pk)
    rows = accounts.customers_of(request.actor, account)
    context = {
        "account": account,
        "attributes": [(name, queries.shown(value)) for name, value in sorted(account.attributes.items())],
        "page": keyset_page(request, rows, column="created_at", descending=True, size=PAGE_SIZE),
        "may_edit": request.actor.can("customers.edit"),
    }
    return render_page(request, "customers/account.html", context)


@permission_required("customers.edit")
def account_create(request: MemberRequest) -> HttpResponse:
    """Make an account by hand."""
    form = AccountForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with domain_errors_into(form):
            account = accounts.create_account(actor=request.actor, **form.cleaned_data)
            messages.success(request, _("Account added."))
            return see_other(request, _page_of(request, account))
    return render_page(request, "customers/account_form.html", {"form": form, "account": None})


@permission_required("customers.edit")
def account_edit(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Change an account."""
    account = accounts.account_for(request.actor, pk)
    form = AccountForm(request.POST or None, account=account)
    if request.method == "POST" and form.is_valid():
        with domain_errors_into(form):
            accounts.update_account(actor=request.actor, account=account, values=form.cleaned_data)
            messages.success(request, _("Saved."))
            return see_other(request, _page_of(request, account))
    return render_page(request, "customers/account_form.html", {"form": form, "account": account})


@permission_required("customers.edit")
def account_delete(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Ask, then remove an account to which nobody belongs."""
    account = accounts.account_for(request.actor, pk)
    if request.method == "POST":
        accounts.delete_account(actor=request.actor, account=account)
        messages.success(request, _("Account removed."))
        return see_other(request, org_url(request.organization, "customers:accounts"))
    return render_page(request, "customers/account_delete.html", {"account": account})


def _page_of(request: MemberRequest, account: Account) -> str:
    return org_url(request.organization, "customers:account", pk=account.pk)
