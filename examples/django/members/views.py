"""The views. Accounts and passwords are Django's; who is signed in, and where, is watchword's."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.contrib.auth.forms import AuthenticationForm
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from watchword.integrations.django import auth, ww
from watchword.web.headers import secure_page
from watchword.web.ratelimit import Limits, RateLimit

SIGN_IN = Limits("sign-in", account=RateLimit("5/min"), address=RateLimit("50/min"), everyone=RateLimit("1000/min"))


def page(request: HttpRequest, template: str, status: int = 200, **values: Any) -> HttpResponse:
    made = secure_page()  # a fresh nonce, CSP, no-store …
    response = render(request, template, values | {"nonce": made.nonce}, status=status)
    # Django's own CSRF check reads the Origin of a form, which is "null" under no-referrer.
    for name, value in (made.headers | {"Referrer-Policy": "same-origin"}).items():
        response[name] = value
    return response


@require_GET
@login_required  # nobody, or a session that has ended: to the page where one signs in
def home(request: HttpRequest) -> HttpResponse:
    who = auth.who
    return page(
        request,
        "home.html",
        name=request.user.username,
        roles=sorted(who.roles),
        devices=ww().devices.list(who.subject, current=who.device),
        now=ww().core.clock.now(),
    )


@require_http_methods(["GET", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    if request.method == "GET":
        return page(request, "sign_in.html")
    auth.limit(SIGN_IN, account=request.POST.get("username", ""))  # too many: 429 and Retry-After
    form = AuthenticationForm(request, request.POST)
    if not form.is_valid():
        return page(request, "sign_in.html", 401, error="That name and password do not belong together.")
    ww().limits.forget(SIGN_IN, account=request.POST["username"])
    user = form.get_user()
    # The cookie goes with the answer; a session that this browser had before has ended.
    auth.sign_in(
        str(user.pk),
        roles=["admin"] if user.is_staff else [],
        scopes=["orders:read"],
        remember="remember" in request.POST,
    )
    return redirect("/")


@require_POST
@auth.require()
def sign_out(request: HttpRequest) -> HttpResponse:
    auth.sign_out(auth.who)
    return redirect("/sign-in")


@require_POST
@auth.require()
def sign_out_everywhere(request: HttpRequest) -> HttpResponse:
    ww().devices.end_all(auth.who.subject, keep=auth.who.device)
    auth.sign_out(auth.who)
    return redirect("/sign-in")


@require_POST
@auth.require()
def sign_out_device(request: HttpRequest, handle: str) -> HttpResponse:
    ww().devices.end(auth.who.subject, handle)  # only the caller's own
    return redirect("/")


@require_GET
@auth.require()
def me(request: HttpRequest) -> HttpResponse:
    who = auth.who
    return JsonResponse({"subject": who.subject, "roles": sorted(who.roles), "scopes": sorted(who.scopes)})


@require_GET
@auth.require(role="admin")
def admin(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"welcome": auth.who.subject})


@require_GET
@auth.require("orders:read")
def orders(request: HttpRequest) -> HttpResponse:
    """For scripts, too: a session, an access token or an API key that has the scope."""
    return JsonResponse({"orders": [{"id": "o-1", "of": auth.who.subject}]})
