from cxm.apps import DomainAppConfig


class InteractionsConfig(DomainAppConfig):
    name = "apps.interactions"
    label = "interactions"
