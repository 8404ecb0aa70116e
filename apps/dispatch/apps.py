from cxm.apps import DomainAppConfig


class DispatchConfig(DomainAppConfig):
    name = "apps.dispatch"
    label = "dispatch"
