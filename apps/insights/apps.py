from cxm.apps import DomainAppConfig


class InsightsConfig(DomainAppConfig):
    name = "apps.insights"
    label = "insights"
