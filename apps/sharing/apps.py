from cxm.apps import DomainAppConfig


class SharingConfig(DomainAppConfig):
    name = "apps.sharing"
    label = "sharing"
