from cxm.apps import DomainAppConfig


class OutboxConfig(DomainAppConfig):
    name = "apps.outbox"
    label = "outbox"
