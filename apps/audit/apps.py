from cxm.apps import DomainAppConfig


class AuditConfig(DomainAppConfig):
    name = "apps.audit"
    label = "audit"
