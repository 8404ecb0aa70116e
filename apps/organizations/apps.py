from cxm.apps import DomainAppConfig


class OrganizationsConfig(DomainAppConfig):
    name = "apps.organizations"
    label = "organizations"
