"""Django: accounts, the session engine, REST framework, the system checks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import django
import pytest
from django.conf import settings
from django.test.utils import override_settings

OPTIONS = {"url": "memory:", "issuer": "https://app.example", "audience": "https://api.example"}

settings.configure(
    SECRET_KEY="only for tests",
    DEBUG=True,
    ALLOWED_HOSTS=["*"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "watchword.integrations.django"],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "watchword.integrations.django.middleware.WatchwordMiddleware",
    ],
    SESSION_ENGINE="watchword.integrations.django.sessions",
    SESSION_COOKIE_NAME="__Host-sessionid",
    SESSION_COOKIE_SECURE=True,
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
    WATCHWORD=OPTIONS,
)
django.setup()

from django.contrib.auth import authenticate, get_user_model, login, logout  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.http import HttpRequest, HttpResponse  # noqa: E402
from django.test import Client  # noqa: E402
from django.urls import path  # noqa: E402
from rest_framework.permissions import IsAuthenticated  # noqa: E402
from rest_framework.request import Request  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402

from watchword.insecure import INSECURE_COOKIE  # noqa: E402
from watchword.integrations.django import auth, ww  # noqa: E402
from watchword.integrations.django.checks import check_settings  # noqa: E402
from watchword.integrations.django.rest import WatchwordAuthentication  # noqa: E402
from watchword.integrations.django.sessions import NOBODY  # noqa: E402
from watchword.web.cookies import CookiePolicy  # noqa: E402


def sign_in(request: HttpRequest) -> HttpResponse:
    user = authenticate(request, username="ada", password=request.GET["password"])
    if user is None:
        return HttpResponse("no", status=400)
    login(request, user)
    return HttpResponse("in")


def sign_out(request: HttpRequest) -> HttpResponse:
    logout(request)
    return HttpResponse("out")


def whose(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.user.get_username() or "nobody")


def visits(request: HttpRequest) -> HttpResponse:
    request.session["visits"] = request.session.get("visits", 0) + 1
    return HttpResponse(str(request.session["visits"]))


@auth.require("orders:read")
def orders(request: HttpRequest) -> HttpResponse:
    return HttpResponse(auth.who.subject)


class Me(APIView):  # type: ignore[misc]  # REST framework has no types
    authentication_classes = (WatchwordAuthentication,)
    permission_classes = (IsAuthenticated,)

    def get(self, request: Request) -> Response:
        return Response({"user": request.user.get_username(), "kind": request.auth.kind})


urlpatterns = [
    path("in", sign_in),
    path("out", sign_out),
    path("whose", whose),
    path("visits", visits),
    path("orders", orders),
    path("me", Me.as_view()),
]


@pytest.fixture(scope="module", autouse=True)
def tables() -> None:
    call_command("migrate", verbosity=0)
    get_user_model().objects.create_user("ada", password="lovelace")


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    auth.reset()
    yield
    auth.reset()


@pytest.fixture
def client() -> Client:
    return Client(headers={"host": "app.example"})


def subject() -> str:
    return str(get_user_model().objects.get(username="ada").pk)


def get(client: Client, line: str, **more: Any) -> tuple[int, str]:
    answer = client.get(f"/{line}", secure=True, **more)
    return answer.status_code, answer.content.decode()


def test_djangos_own_sign_in_is_a_session_of_ours(client: Client) -> None:
    assert get(client, "whose") == (200, "nobody")
    assert get(client, "in?password=lovelace") == (200, "in")
    assert get(client, "whose") == (200, "ada")
    [session] = ww().sessions.list(subject())
    assert client.cookies["__Host-sessionid"].value.startswith("ww_ss_")
    assert session.session_id not in client.cookies["__Host-sessionid"].value
    assert get(client, "out") == (200, "out")
    assert ww().sessions.list(subject()) == []
    assert get(client, "whose") == (200, "nobody")


def test_a_revoked_subject_is_signed_out_of_django_as_well(client: Client) -> None:
    get(client, "in?password=lovelace")
    ww().revoke(subject=subject())
    assert get(client, "whose") == (200, "nobody")


def test_a_visitors_session_ends_as_they_sign_in_and_its_data_go_on(client: Client) -> None:
    assert [get(client, "visits")[1] for _ in range(3)] == ["1", "2", "3"]
    before = client.cookies["__Host-sessionid"].value
    [visitor] = ww().sessions.list(NOBODY)
    get(client, "in?password=lovelace")
    after = client.cookies["__Host-sessionid"].value
    assert after != before
    assert ww().sessions.list(NOBODY) == []
    assert get(client, "visits")[1] == "4"
    client.cookies["__Host-sessionid"] = before
    assert get(client, "visits")[1] == "1"
    assert visitor.session_id not in {one.session_id for one in ww().sessions.list(subject())}


def test_a_session_that_somebody_made_up_is_never_taken_over(client: Client) -> None:
    for planted in ("planted", f"ww_ss_{'A' * 43}", "ww_at_x"):
        client.cookies["__Host-sessionid"] = planted
        assert get(client, "visits") == (200, "1")
        assert client.cookies["__Host-sessionid"].value not in (planted, "")


def test_a_token_is_its_subjects_account(client: Client) -> None:
    token = ww().access.issue(subject(), scopes=["orders:read"]).token
    bearer = {"headers": {"host": "app.example", "authorization": f"Bearer {token}"}}
    assert get(client, "whose", **bearer) == (200, "ada")
    assert get(client, "orders", **bearer) == (200, subject())
    stranger = ww().access.issue("nobody-here").token
    assert get(client, "whose", headers={"authorization": f"Bearer {stranger}"}) == (200, "nobody")
    assert get(client, "whose", headers={"authorization": "Bearer abc"}) == (200, "nobody")
    status, body = get(client, "orders", headers={"authorization": "Bearer abc"})
    assert (status, "invalid_token" in body) == (401, True)


def test_another_hook_looks_accounts_up(client: Client) -> None:
    def by_name(who: Any) -> Any:
        return get_user_model().objects.filter(username=who.subject).first()

    with override_settings(WATCHWORD={**OPTIONS, "user": by_name}):
        token = ww().access.issue("ada").token
        assert get(client, "whose", headers={"authorization": f"Bearer {token}"}) == (200, "ada")


def test_rest_framework_gets_the_account_and_the_principal(client: Client) -> None:
    token = ww().access.issue(subject()).token
    answer = client.get("/me", secure=True, headers={"authorization": f"Bearer {token}"})
    assert answer.json() == {"user": "ada", "kind": "access"}
    nothing = client.get("/me", secure=True)
    assert (nothing.status_code, nothing.headers["www-authenticate"]) == (401, 'Bearer realm="watchword"')
    bad = client.get("/me", secure=True, headers={"authorization": "Bearer abc"})
    assert (bad.status_code, bad.json()["error"]) == (401, "invalid_token")
    assert (
        client.get("/me", secure=True, headers={"authorization": f"Bearer {ww().access.issue('x').token}"}).status_code
        == 403
    )


def found(**changed: Any) -> set[str]:
    with override_settings(**changed):
        return {one.id.removeprefix("watchword.") for one in check_settings(None)}


def test_the_checks_find_each_contradiction() -> None:
    assert found() == set()
    assert found(DEBUG=False) == {"W001"}
    assert found(WATCHWORD={"url": "nowhere:"}) == {"E001"}
    assert found(WATCHWORD={**OPTIONS, "isuer": "x"}) == {"E001"}
    assert found(WATCHWORD=None) == {"E001"}
    plain = {**OPTIONS, "url": "sqlite:///app.db", "cookie": CookiePolicy(allow=[INSECURE_COOKIE])}
    assert found(WATCHWORD=plain) == set()
    assert found(WATCHWORD=plain, DEBUG=False) == {"W002"}
    assert found(MIDDLEWARE=[]) == {"E002"}
    assert found(MIDDLEWARE=list(reversed(settings.MIDDLEWARE))) == {"E003"}
    assert found(SESSION_COOKIE_SECURE=False) == {"E010"}
    assert found(SESSION_COOKIE_HTTPONLY=False) == {"E011"}
    assert found(SESSION_COOKIE_DOMAIN="app.example") == {"E012"}
    assert found(SESSION_COOKIE_PATH="/app") == {"E013"}
    assert found(SESSION_COOKIE_NAME="sessionid") == {"E014"}
    assert found(SESSION_COOKIE_SAMESITE="None") == {"E015"}
    assert found(SESSION_ENGINE="django.contrib.sessions.backends.db", SESSION_COOKIE_SECURE=False) == set()
