from cxm.apps import DomainAppConfig


class SurveysConfig(DomainAppConfig):
    name = "apps.surveys"
    label = "surveys"
