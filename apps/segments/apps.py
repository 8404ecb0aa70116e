from cxm.apps import DomainAppConfig


class SegmentsConfig(DomainAppConfig):
    name = "apps.segments"
    label = "segments"
