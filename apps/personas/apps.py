from cxm.apps import DomainAppConfig


class PersonasConfig(DomainAppConfig):
    name = "apps.personas"
    label = "personas"
