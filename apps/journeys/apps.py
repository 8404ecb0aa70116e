from cxm.apps import DomainAppConfig


class JourneysConfig(DomainAppConfig):
    name = "apps.journeys"
    label = "journeys"
