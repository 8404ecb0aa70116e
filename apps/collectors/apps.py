from cxm.apps import DomainAppConfig


class CollectorsConfig(DomainAppConfig):
    name = "apps.collectors"
    label = "collectors"
