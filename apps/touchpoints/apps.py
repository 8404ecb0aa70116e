from cxm.apps import DomainAppConfig


class TouchpointsConfig(DomainAppConfig):
    name = "apps.touchpoints"
    label = "touchpoints"
