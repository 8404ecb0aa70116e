from cxm.apps import DomainAppConfig


class DashboardsConfig(DomainAppConfig):
    name = "apps.dashboards"
    label = "dashboards"
