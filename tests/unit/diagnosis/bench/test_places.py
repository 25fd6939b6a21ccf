"""Stores are measured on this machine alone, in places of our own, and nothing is left there."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest

from tests.services.postgres import Postgres
from tests.services.valkey import Server, free_port
from watchword.diagnosis.bench import requests, revocation, stores
from watchword.diagnosis.bench.base import Ask, Step
from watchword.diagnosis.bench.places import check_loopback, places
from watchword.diagnosis.bench.run import bench
from watchword.errors import ConfigurationError

SECTIONS = pytest.mark.parametrize("section", [stores.section, revocation.section, requests.section])


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ada:hunter2@db.example/app",
        "postgresql://ada:hunter2@192.0.2.7/app",
        "postgresql://ada:hunter2@127.0.0.1,db.example/app",
        "postgresql://ada:hunter2@localhost/app?host=db.example",
        "postgresql://ada:hunter2@localhost/app?hostaddr=192.0.2.7",
        "postgresql://ada:hunter2@localhost.example/app",
        "postgresql://ada:hunter2@0.0.0.0/app",
        "postgresql:///app?service=production",
        "redis://ada:hunter2@127.0.0.1/0",
    ],
)
def test_a_postgres_that_is_or_may_be_elsewhere_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"on this machine|is named postgresql://") as caught:
        bench(quick=True, only=["stores"], postgres=url)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"), [("PGHOST", "db.example"), ("PGHOSTADDR", "192.0.2.7"), ("PGSERVICE", "production")]
)
def test_so_is_one_that_the_environment_names(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match="on this machine"):
        check_loopback("postgresql:///app", None)


@pytest.mark.parametrize(
    "url",
    [
        "redis://:hunter2@cache.example",
        "redis://:hunter2@192.0.2.7:6379/1",
        "rediss://:hunter2@[2001:db8::1]",
        "redis+cluster://:hunter2@127.0.0.1",
        "redis+sentinel://:hunter2@127.0.0.1/main",
        "memory:",
    ],
)
def test_a_redis_that_is_or_may_be_elsewhere_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"on this machine|one server") as caught:
        bench(quick=True, only=["stores"], redis=url)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["redis", "postgresql"])
@pytest.mark.parametrize(
    "rest", ["//:hunter2\u2100@localhost/0", "//:hunter2\uff1a@localhost/0", "//:hunter2@[bad/0", "//[hunter2]@bad/0"]
)
def test_what_is_no_url_is_refused_without_a_word_of_it(scheme: str, rest: str) -> None:
    name = "redis" if scheme == "redis" else "postgres"
    with pytest.raises(ConfigurationError) as caught:
        bench(quick=True, only=["stores"], **{name: scheme + ":" + rest})  # type: ignore[arg-type]
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("postgres", "redis"),
    [
        (None, None),
        ("postgresql://ada:pw@localhost/app", "redis://localhost"),
        ("postgresql://ada:pw@127.0.0.1:5433/app?pool_size=4&timeout=1", "redis://127.0.0.2:7000/3?prefix=app"),
        ("postgresql://[::1]/app", "rediss://[::1]"),
        ("postgresql:///app", None),
        ("postgresql:///app?host=/run/postgresql", None),
    ],
)
def test_this_machine_is_taken(postgres: str | None, redis: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGHOST", "PGHOSTADDR", "PGSERVICE"):
        monkeypatch.delenv(name, raising=False)
    check_loopback(postgres, redis)


def schemas(postgres: Postgres) -> set[object]:
    with postgres.connect() as connection:
        return {name for (name,) in connection.execute("SELECT nspname FROM pg_namespace").fetchall()}


def keys(valkey: Server) -> set[bytes]:
    with valkey.client() as client:
        found = client.keys("*")
    assert isinstance(found, list)
    return set(found)


@SECTIONS
def test_a_section_leaves_nothing_behind(
    section: Callable[[Ask], object], ask: Callable[..., Ask], postgres: Postgres, valkey: Server
) -> None:
    given, there = (postgres.fresh(), valkey.fresh()), (schemas(postgres), keys(valkey))
    seen: list[tuple[set[object], set[bytes]]] = []
    section(ask(postgres=given[0], redis=given[1], told=lambda _: seen.append((schemas(postgres), keys(valkey)))))
    assert all(len(found[0] - there[0]) == 1 for found in seen[:-1]), "a schema of its own, while it runs"
    assert all(str(name).startswith("watchword_bench_") for found in seen for name in found[0] - there[0])
    assert any(found[1] - there[1] for found in seen)
    assert all(key.startswith(b"{watchword_bench_") for found in seen for key in found[1] - there[1])
    assert (schemas(postgres), keys(valkey)) == there


@SECTIONS
@pytest.mark.parametrize("at", [0, 3, -3])
def test_nor_does_one_that_is_broken_off(
    section: Callable[[Ask], object], at: int, ask: Callable[..., Ask], postgres: Postgres, valkey: Server
) -> None:
    there = (schemas(postgres), keys(valkey))

    def told(step: Step) -> None:
        if step.done == at % step.of:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        section(ask(postgres=postgres.fresh(), redis=valkey.fresh(), told=told))
    assert len(schemas(postgres) - there[0]) == 1, "fresh() made one, and ours is gone"
    assert keys(valkey) == there[1]


def test_what_is_already_there_stays(ask: Callable[..., Ask], postgres: Postgres, valkey: Server) -> None:
    url = valkey.fresh()
    prefix = url.partition("prefix=")[2]
    with valkey.client() as client:
        client.set(f"{{{prefix}}}:mine", "1")
        stores.section(ask(redis=url))
        assert client.get(f"{{{prefix}}}:mine") == b"1"
        client.delete(f"{{{prefix}}}:mine")


def test_a_server_that_does_not_answer_is_said_and_the_rest_is_measured(ask: Callable[..., Ask]) -> None:
    port = free_port()
    section = stores.section(
        ask(postgres=f"postgresql://ada:hunter2@127.0.0.1:{port}/app", redis=f"redis://127.0.0.1:{port}")
    )
    assert [line.partition(":")[0] for line in section.not_run] == [
        "PostgreSQL could not be measured",
        "Redis could not be measured",
    ]
    assert "hunter2" not in str(section)
    assert [row.name for row in section.tables[0].rows] == ["memory", "SQLite"]


def test_who_may_make_no_schema_is_told(ask: Callable[..., Ask], postgres: Postgres) -> None:
    with postgres.connect() as connection:
        connection.execute("CREATE ROLE nobody_much LOGIN")
    parts = urlsplit(postgres.fresh())
    url = parts._replace(netloc=parts.netloc.replace("postgres@", "nobody_much@")).geturl()
    section = stores.section(ask(postgres=url))
    assert "CREATE SCHEMA: SQLSTATE 42501" in section.not_run[0]


def test_a_redis_that_evicts_is_said(ask: Callable[..., Ask], valkey: Server) -> None:
    with valkey.client() as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        try:
            section = stores.section(ask(redis=valkey.fresh()))
        finally:
            client.config_set("maxmemory-policy", "noeviction")
    assert "maxmemory-policy allkeys-lru" in section.not_run[-1]


def test_each_place_is_new(ask: Callable[..., Ask]) -> None:
    with ExitStack() as stack:
        one, other = (stack.enter_context(places(ask(), [])) for _ in range(2))
        assert [place.id for place in one] == ["memory", "sqlite"]
        assert one[1].url != other[1].url
