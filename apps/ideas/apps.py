from cxm.apps import DomainAppConfig


class IdeasConfig(DomainAppConfig):
    name = "apps.ideas"
    label = "ideas"
