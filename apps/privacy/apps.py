from cxm.apps import DomainAppConfig


class PrivacyConfig(DomainAppConfig):
    name = "apps.privacy"
    label = "privacy"
