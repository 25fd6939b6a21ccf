"""Django with plain views, behind WSGI."""

from typing import Any

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.urls import path

from tests.frameworks.apps import AUTH, OPTIONS, URL, fall
from tests.frameworks.requests import ATTEMPTS, FRESH

settings.configure(
    SECRET_KEY="only for tests",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["watchword.integrations.django"],
    MIDDLEWARE=["watchword.integrations.django.middleware.WatchwordMiddleware"],
    WATCHWORD={"url": URL, **OPTIONS, **AUTH},
)
django.setup()

from watchword.integrations.django import auth  # noqa: E402


def public(request: HttpRequest) -> HttpResponse:
    return HttpResponse("hello")


@auth.require()
def me(request: HttpRequest) -> HttpResponse:
    return HttpResponse(auth.who.subject)


def maybe(request: HttpRequest) -> HttpResponse:
    who = auth.optional()
    return HttpResponse("nobody" if who is None else who.subject)


@auth.require("orders:read")
def orders(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"orders of {auth.who.subject}")


@auth.require(role="admin")
def admin(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"admin {auth.who.subject}")


@auth.require(fresh=FRESH)
def fresh(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"fresh {auth.who.subject}")


@auth.require()
def write(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"written by {auth.who.subject}")


def login(request: HttpRequest) -> HttpResponse:
    auth.sign_in(request.GET["user"])
    return HttpResponse("welcome")


def refused(request: HttpRequest) -> HttpResponse:
    auth.sign_in(request.GET["user"])
    return HttpResponse("refused", status=400)


@auth.require()
def forget(request: HttpRequest) -> HttpResponse:
    auth.sign_out(auth.who, clear_site_data=True)
    return HttpResponse("forgotten")


def attempt(request: HttpRequest) -> HttpResponse:
    auth.limit(ATTEMPTS, account=request.GET["user"])
    return HttpResponse("counted")


@auth.require()
def logout(request: HttpRequest) -> HttpResponse:
    auth.sign_out(auth.who)
    return HttpResponse("bye")


def down(request: HttpRequest) -> HttpResponse:
    return HttpResponse(fall(request.GET["user"]))


VIEWS: tuple[Any, ...] = (public, me, maybe, orders, admin, fresh, write, login, refused, logout, forget, attempt, down)
urlpatterns = [path(view.__name__, view) for view in VIEWS]
app = WSGIHandler()
