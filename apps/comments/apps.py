from cxm.apps import DomainAppConfig


class CommentsConfig(DomainAppConfig):
    name = "apps.comments"
    label = "comments"
