"""Redis URLs: what each form means, and that a mistake is an error that never repeats the URL."""

import pytest

from watchword.errors import ConfigurationError
from watchword.stores.base import open_store
from watchword.stores.redis.address import read_address
from watchword.stores.redis.checks import check, read_info


@pytest.mark.parametrize(
    ("url", "places", "database"),
    [
        ("redis://host", (("host", 6379),), 0),
        ("redis://host:7000/3", (("host", 7000),), 3),
        ("rediss://[::1]:7000/", (("::1", 7000),), 0),
        ("redis+cluster://a,b:7001", (("a", 6379), ("b", 7001)), 0),
        ("redis+sentinel://a,b:7001/main", (("a", 26379), ("b", 7001)), 0),
        ("rediss+sentinel://a/main/2", (("a", 26379),), 2),
    ],
)
def test_a_url_names_its_servers(url: str, places: tuple[tuple[str, int], ...], database: int) -> None:
    address = read_address(url)
    assert (address.places, address.database, address.tls) == (places, database, url.startswith("rediss"))
    assert (address.service == "main") is address.sentinel is ("sentinel" in url)


def test_credentials_and_options_are_read() -> None:
    address = read_address("redis://a%40b:s%2Fcr%3Aet@host/0?prefix=shop&timeout=0.25&wait=2")
    assert (address.username, address.password) == ("a@b", "s/cr:et")
    assert (address.prefix, address.timeout, address.wait) == ("shop", 0.25, 2)
    assert read_address("redis://:only@host").password == "only"
    assert read_address("redis://host").password is None


@pytest.mark.parametrize(
    "url",
    [
        "redis://:hunter2@",
        "redis://:hunter2@host:0",
        "redis://:hunter2@host:70000",
        "redis://:hunter2@host:x",
        "redis://:hunter2@a,b",
        "redis://:hunter2@host/x",
        "redis://:hunter2@host/0/1",
        "redis://:hunter2@host/-1",
        "redis://:hunter2@host#hunter2",
        "redis://:hunter2@host?hunter2=1",
        "redis://:hunter2@host?prefix=hunter2}",
        "redis://:hunter2@host?prefix=",
        "redis://:hunter2@host?prefix=a&prefix=hunter2",
        "redis://:hunter2@host?timeout=0",
        "redis://:hunter2@host?timeout=nan",
        "redis://:hunter2@host?wait=-1",
        "redis://:hunter2@host?ca=",
        "redis+cluster://:hunter2@host/1",
        "redis+sentinel://:hunter2@host",
        "redis+sentinel://:hunter2@host/main/x",
        "redis://:hunter2@[host",
        "redis://a:1/hunter2@host",
        "redis+sentinel://a:1/hunter2@host",
        "redis+sentinel://a:1/main?hunter2@host",
    ],
)
def test_a_mistake_is_told_without_the_url(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        open_store(url)
    assert "redis://" in str(caught.value)
    assert "hunter2" not in repr(caught.value)
    assert caught.value.__cause__ is None


def test_no_repr_shows_the_credentials() -> None:
    store = open_store("redis://root-user:hunter2@host")
    shown = repr(store) + repr(read_address("redis://root-user:hunter2@host")) + str(vars(store))
    assert "host" in shown
    assert "hunter2" not in shown
    assert "root-user" not in shown


GOOD = {"redis_version": "7.0.15", "maxmemory_policy": "noeviction", "aof_enabled": "1", "connected_slaves": "0"}


@pytest.mark.parametrize(
    ("amiss", "says"),
    [
        ({"redis_version": "6.2.14"}, "Redis 7"),
        ({"maxmemory_policy": "volatile-ttl"}, "noeviction"),
        ({"cluster_enabled": "1"}, r"redis\+cluster"),
    ],
)
def test_a_server_that_would_lose_things_is_refused(amiss: dict[str, str], says: str) -> None:
    assert check(read_address("redis://host"), GOOD) == []
    with pytest.raises(ConfigurationError, match=says):
        check(read_address("redis://host"), GOOD | amiss)


@pytest.mark.parametrize(
    ("url", "amiss", "fsync", "says"),
    [
        ("redis://host", {"aof_enabled": "0"}, "always", "appendonly"),
        ("redis://host", {}, "everysec", "appendfsync"),
        ("redis://host", {"connected_slaves": "1"}, "always", "wait"),
        ("redis://host?wait=2", {"connected_slaves": "1"}, "always", "refused"),
    ],
)
def test_what_makes_a_loss_likelier_is_said(url: str, amiss: dict[str, str], fsync: str, says: str) -> None:
    [caution] = check(read_address(url), GOOD | amiss, fsync)
    assert says in caution


def test_info_is_read() -> None:
    assert read_info(b"# Server\r\nredis_version:7.0.15\r\na:b:c\r\n\r\n") == {"redis_version": "7.0.15", "a": "b:c"}
