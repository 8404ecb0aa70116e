from cxm.apps import DomainAppConfig


class ApiConfig(DomainAppConfig):
    name = "apps.api"
    label = "api"
