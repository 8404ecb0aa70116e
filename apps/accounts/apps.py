from cxm.apps import DomainAppConfig


class AccountsConfig(DomainAppConfig):
    name = "apps.accounts"
    label = "accounts"
