from cxm.apps import DomainAppConfig


class MetricsConfig(DomainAppConfig):
    name = "apps.metrics"
    label = "metrics"
