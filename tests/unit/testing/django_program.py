"""Django's settings are one for a process, so its client has a process of its own."""

import django
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import path

settings.configure(
    SECRET_KEY="only for tests",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["watchword.integrations.django"],
    MIDDLEWARE=["watchword.integrations.django.middleware.WatchwordMiddleware"],
    WATCHWORD={"url": "memory:", "issuer": "https://app.example", "audience": "https://api.example"},
)
django.setup()

from django.test import Client  # noqa: E402

from watchword.integrations.django import auth, ww  # noqa: E402
from watchword.testing import assert_rejects_all, dressed  # noqa: E402


@auth.require()
def me(request: HttpRequest) -> HttpResponse:
    return HttpResponse(auth.who.subject)


urlpatterns = [path("me", me)]

if __name__ == "__main__":
    client = Client()
    said = []
    for kind in ("session", "access"):
        said.append(str(client.post("/me").status_code))
        with dressed(client, "ada", ww=ww(), kind=kind):
            said.append(client.post("/me").content.decode())
    said.append(str(client.post("/me").status_code))
    for method in ("GET", "POST"):
        assert_rejects_all(client, "/me", method, ww=ww())
    print(*said, "held")  # noqa: T201  # the test reads it
