"""The shop: it knows the user and the order, starts the payment service beside itself, and tries what must not work.

python examples/payment/shop.py
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_urlsafe
from tempfile import TemporaryDirectory
from typing import Any

import httpx2

from watchword import Watchword

SERVICE = Path(__file__).with_name("payment_service.py")
ORDER: dict[str, Any] = {
    "order_id": "o-1001",
    "amount": 1200,
    "currency": "EUR",
    "merchant_reference": "shop-7/2027-01",
    "psp_card_token": "tok_visa_7xk2",
}


@contextmanager
def payment_service() -> Iterator[httpx2.AsyncClient]:
    """The other process, in a directory of its own, and a client that it knows as the shop."""
    with TemporaryDirectory(prefix="watchword-payment-") as home:
        secret = token_urlsafe(32)
        environment = os.environ | {"PAYMENT_HOME": home, "SHOP_SECRET": secret}
        service = subprocess.Popen([sys.executable, str(SERVICE)], env=environment, stdout=subprocess.PIPE, text=True)
        try:
            assert service.stdout is not None
            base = service.stdout.readline().strip()
            headers = {"authorization": f"Bearer {secret}"}
            yield httpx2.AsyncClient(base_url=base, headers=headers, timeout=10, trust_env=False)
        finally:
            service.terminate()
            service.communicate()


class Shop:
    """Users are signed in here; tokens pass through, and are not understood."""

    def __init__(self, ww: Watchword, payments: httpx2.AsyncClient) -> None:
        self.ww, self.payments = ww, payments

    async def check_out(self, cookie: str, order: dict[str, Any]) -> httpx2.Response:
        """The user's order, sealed for the user. The answer goes to the browser."""
        who = await self.ww.sessions.authenticate(cookie)
        asked = order | {"user_id": who.subject, "idempotency_key": f"{order['order_id']}-1"}
        return await self.payments.post("/handover", json=asked)

    async def pay(self, cookie: str, token: str, *, click: str) -> httpx2.Response:
        """The browser sends the token back. Whose it is says the session, not the browser."""
        who = await self.ww.sessions.authenticate(cookie)
        asked = {"token": token, "user_id": who.subject}
        return await self.payments.post("/capture", json=asked, headers={"idempotency-key": click})


async def walk(ww: Watchword, payments: httpx2.AsyncClient) -> None:
    shop = Shop(ww, payments)
    ada, eve = [(await ww.sessions.start(name)).token for name in ("ada", "eve")]

    token = (await shop.check_out(ada, ORDER)).json()["token"]
    say("sealed", f"{len(token)} bytes that say nothing", token.startswith("v4.local.") and "ada" not in token)
    stolen = await shop.pay(eve, token, click="e-1")
    say("another user", stolen.json(), stolen.status_code == 400)
    changed = await shop.pay(ada, token[:80] + ("A" if token[80] != "A" else "B") + token[81:], click="e-2")
    say("one character changed", changed.json(), changed.status_code == 400)
    paid = await shop.pay(ada, token, click="c-1")
    say("paid", paid.json(), paid.status_code == 200 and paid.json()["amount"] == 1200)
    again = await shop.pay(ada, token, click="c-1")
    say("the answer was lost, asked again", again.json(), again.json() == paid.json())
    replay = await shop.pay(ada, token, click="c-2")
    say("replayed", replay.json(), replay.status_code == 409)
    pan = await shop.check_out(ada, ORDER | {"psp_card_token": "4111 1111 1111 1111"})
    say("a card number", pan.json(), pan.status_code == 400 and "4111" not in pan.text)

    second = (await shop.check_out(ada, ORDER | {"order_id": "o-1002"})).json()["token"]
    clicks = await asyncio.gather(*(shop.pay(ada, second, click=f"d-{number}") for number in range(50)))
    codes = sorted(reply.status_code for reply in clicks)
    say(
        "fifty clicks at once", f"{codes.count(200)} paid, {codes.count(409)} already used", codes == [200] + [409] * 49
    )
    count = (await payments.get("/charges")).json()
    say("charges at the PSP", count, count == {"charges": 2})


def say(what: str, seen: object, held: bool) -> None:
    print(f"{'ok  ' if held else 'FAIL'} {what}: {seen}")
    if not held:
        raise SystemExit(1)


async def main() -> None:
    with payment_service() as payments:
        async with payments, Watchword("memory:", issuer="https://shop.example", audience="https://shop.example") as ww:
            await walk(ww, payments)


if __name__ == "__main__":
    asyncio.run(main())
