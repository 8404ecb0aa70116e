from cxm.apps import DomainAppConfig


class MessagingConfig(DomainAppConfig):
    name = "apps.messaging"
    label = "messaging"
