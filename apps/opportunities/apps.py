from cxm.apps import DomainAppConfig


class OpportunitiesConfig(DomainAppConfig):
    name = "apps.opportunities"
    label = "opportunities"
