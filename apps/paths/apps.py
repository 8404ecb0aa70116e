from cxm.apps import DomainAppConfig


class PathsConfig(DomainAppConfig):
    name = "apps.paths"
    label = "paths"
