from cxm.apps import DomainAppConfig


class WorkshopsConfig(DomainAppConfig):
    name = "apps.workshops"
    label = "workshops"
