from cxm.apps import DomainAppConfig


class DemoConfig(DomainAppConfig):
    name = "apps.demo"
    label = "demo"
