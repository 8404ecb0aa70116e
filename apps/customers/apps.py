from cxm.apps import DomainAppConfig


class CustomersConfig(DomainAppConfig):
    name = "apps.customers"
    label = "customers"
