from cxm.apps import DomainAppConfig


class IntegrityConfig(DomainAppConfig):
    name = "apps.integrity"
    label = "integrity"
