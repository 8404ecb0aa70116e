"""Pages of this app: sharing a survey (manage), the widget and the kiosk (public), the poster."""
