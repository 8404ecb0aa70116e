from django.apps import AppConfig


class WebConfig(AppConfig):
    """Makes the template tags of ``cxm.web`` known to Django."""

    name = "cxm.web"
    label = "web"
