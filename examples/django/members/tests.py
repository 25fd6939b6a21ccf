"""The members' area, tested: real tokens, no mocks."""

from contextlib import AbstractContextManager
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.test import TestCase, override_settings

from watchword import FrozenClock
from watchword.clock import SystemClock
from watchword.integrations.django import auth, ww
from watchword.testing import assert_rejects_all, dressed

PASSWORD = "only a test, but a long one"
FOREIGN = {"sec-fetch-site": "cross-site", "origin": "https://evil.example"}


class Members(TestCase):  # type: ignore[misc]  # Django has no types
    def setUp(self) -> None:
        self.clock = FrozenClock(SystemClock().now())
        ours = override_settings(
            WATCHWORD=settings.WATCHWORD | {"url": "memory:", "clock": self.clock},
            PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],  # fast, and for tests alone
        )
        ours.enable()
        self.addCleanup(auth.reset)
        self.addCleanup(ours.disable)
        auth.reset()
        self.ada = get_user_model().objects.create_user("ada", password=PASSWORD, is_staff=True)
        self.form = {"username": "ada", "password": PASSWORD}

    def as_user(self, subject: object = None, **how: Any) -> AbstractContextManager[Any]:
        return dressed(self.client, str(subject or self.ada.pk), ww=ww(), **how)

    def sign_in(self, *, headers: Any = None, **other: str) -> Any:
        return self.client.post("/sign-in", self.form | other, headers=headers, secure=True)

    def test_signing_in_and_out(self) -> None:
        self.assertRedirects(self.client.get("/"), "/sign-in?next=/", fetch_redirect_response=False)
        self.assertRedirects(self.sign_in(), "/", fetch_redirect_response=False)
        assert self.client.get("/me", secure=True).json()["roles"] == ["admin"]
        self.assertContains(self.client.get("/", secure=True), "this one")
        self.client.post("/sign-out", headers={"sec-fetch-site": "same-origin"}, secure=True)
        assert self.client.get("/me", secure=True).status_code == 401

    def test_a_wrong_name_and_a_wrong_password_look_alike(self) -> None:
        for answer in (self.sign_in(password="something else"), self.sign_in(username="nobody")):
            self.assertContains(answer, "do not belong together", status_code=401)
            assert not any("sid" in name for name in answer.cookies)

    def test_the_sixth_attempt_waits(self) -> None:
        for _ in range(5):
            self.sign_in(password="guess")
        refused = self.sign_in()
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "12")
        self.clock.advance(12)
        assert self.sign_in().status_code == 302

    def test_another_site_signs_nobody_in_or_out(self) -> None:
        assert self.sign_in(headers=FOREIGN).status_code == 403
        with self.as_user():
            assert self.client.post("/sign-out", headers=FOREIGN).status_code == 403
            assert self.client.get("/me").status_code == 200

    def test_devices(self) -> None:
        subject = str(self.ada.pk)
        phone = ww().sessions.start(subject, device="Firefox on Android")
        stranger = ww().sessions.start("somebody else")
        with self.as_user():
            self.assertContains(self.client.get("/"), "Firefox on Android")
            self.client.post(f"/devices/{stranger.session_id}/end")
            self.client.post(f"/devices/{phone.session_id}/end")
            assert [len(ww().sessions.list(name)) for name in (subject, "somebody else")] == [1, 1]
            self.client.post("/devices/end-all")
        assert ww().sessions.list(subject) == []

    def test_a_session_that_idled_out_sees_the_sign_in_page(self) -> None:
        with self.as_user():
            self.clock.advance(31 * 60)
            assert self.client.get("/").status_code == 302
            assert self.client.get("/me").status_code == 401

    def test_roles_and_scopes(self) -> None:
        with self.as_user():
            assert [self.client.get(path).status_code for path in ("/admin", "/api/orders")] == [403, 403]
        with self.as_user(roles=["admin"]):
            assert self.client.get("/admin").status_code == 200
        with self.as_user("a script", kind="api_key", scopes=["orders:read"]):
            assert self.client.get("/api/orders").json()["orders"][0]["of"] == "a script"

    def test_nobody_else_gets_in(self) -> None:
        assert_rejects_all(self.client, "/me", ww=ww())
        assert_rejects_all(self.client, "/admin", ww=ww(), roles=["admin"])
        assert_rejects_all(self.client, "/api/orders", ww=ww(), scopes=["orders:read"])
