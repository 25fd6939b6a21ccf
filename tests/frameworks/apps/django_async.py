"""Django with ``async def`` views, behind ASGI."""

from typing import Any

import django
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
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


async def public(request: HttpRequest) -> HttpResponse:
    return HttpResponse("hello")


@auth.require()
async def me(request: HttpRequest) -> HttpResponse:
    return HttpResponse(auth.who.subject)


async def maybe(request: HttpRequest) -> HttpResponse:
    who = auth.optional()
    return HttpResponse("nobody" if who is None else who.subject)


@auth.require("orders:read")
async def orders(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"orders of {auth.who.subject}")


@auth.require(role="admin")
async def admin(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"admin {auth.who.subject}")


@auth.require(fresh=FRESH)
async def fresh(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"fresh {auth.who.subject}")


@auth.require()
async def write(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"written by {auth.who.subject}")


async def login(request: HttpRequest) -> HttpResponse:
    auth.sign_in(request.GET["user"])
    return HttpResponse("welcome")


async def refused(request: HttpRequest) -> HttpResponse:
    auth.sign_in(request.GET["user"])
    return HttpResponse("refused", status=400)


@auth.require()
async def forget(request: HttpRequest) -> HttpResponse:
    auth.sign_out(auth.who, clear_site_data=True)
    return HttpResponse("forgotten")


async def attempt(request: HttpRequest) -> HttpResponse:
    auth.limit(ATTEMPTS, account=request.GET["user"])
    return HttpResponse("counted")


@auth.require()
async def logout(request: HttpRequest) -> HttpResponse:
    auth.sign_out(auth.who)
    return HttpResponse("bye")


async def down(request: HttpRequest) -> HttpResponse:
    return HttpResponse(fall(request.GET["user"]))


VIEWS: tuple[Any, ...] = (public, me, maybe, orders, admin, fresh, write, login, refused, logout, forget, attempt, down)
urlpatterns = [path(view.__name__, view) for view in VIEWS]
app = ASGIHandler()
