"""Two accounts with passwords of this run, and the development server."""

from os import environ
from secrets import token_urlsafe
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management import BaseCommand, call_command


class Command(BaseCommand):  # type: ignore[misc]  # Django has no types
    help = "Serve the members' area on localhost, with two accounts whose passwords it prints."

    def handle(self, **_: Any) -> None:
        call_command("migrate", verbosity=0)
        for name in ("ada", "eve"):
            user, _made = get_user_model().objects.get_or_create(username=name, is_staff=name == "ada")
            password = token_urlsafe(12)
            user.set_password(password)
            user.save()
            print(name, password, flush=True)
        print(f"http://localhost:{environ.get('PORT', '8000')}", flush=True)
        call_command("runserver", f"localhost:{environ.get('PORT', '8000')}", use_reloader=False)
