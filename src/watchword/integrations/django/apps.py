"""The Django application: it registers the system checks."""

from __future__ import annotations

from django.apps import AppConfig
from django.core.checks import Tags, register


class WatchwordConfig(AppConfig):  # type: ignore[misc]  # Django has no types
    name = "watchword.integrations.django"
    label = "watchword"
    verbose_name = "watchword"

    def ready(self) -> None:
        from .checks import check_settings

        register(check_settings, Tags.security)
