from cxm.apps import DomainAppConfig


class ImportsConfig(DomainAppConfig):
    name = "apps.imports"
    label = "imports"
