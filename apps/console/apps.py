from cxm.apps import DomainAppConfig


class ConsoleConfig(DomainAppConfig):
    name = "apps.console"
    label = "console"
