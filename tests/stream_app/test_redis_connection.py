"""One URL says everything, and none of its secrets is ever shown."""

from typing import Any

import pytest
from redis.asyncio.connection import SSLConnection

from stream_app.errors import Misconfigured
from stream_app.redis_connection import BUILDERS, connect, redacted
from stream_app.setting_types import REDIS_SCHEMES


def test_the_settings_take_the_urls_that_can_be_connected_to() -> None:
    assert tuple(BUILDERS) == REDIS_SCHEMES


def pool(url: str) -> Any:
    client: Any = connect(url)
    return client.connection_pool


def test_a_server_takes_acl_user_database_and_tls_from_the_url() -> None:
    options = pool("rediss://app:p%40ss@cache:6380/3?ssl_ca_certs=/ca.pem").connection_kwargs

    assert (options["host"], options["port"], options["db"]) == ("cache", 6380, 3)
    assert (options["username"], options["password"], options["ssl_ca_certs"]) == ("app", "p@ss", "/ca.pem")


def test_a_sentinel_url_names_service_database_and_every_sentinel() -> None:
    url = "rediss+sentinel://app:secret@s1,s2:27000/mymaster/2?sentinel_username=w&sentinel_password=x"
    found = pool(url)
    watchers = found.sentinel_manager.sentinels

    assert found.service_name == "mymaster"
    assert (found.connection_kwargs["db"], found.connection_kwargs["password"]) == (2, "secret")
    assert [one.connection_pool.connection_kwargs["port"] for one in watchers] == [26379, 27000]
    assert {one.connection_pool.connection_kwargs["password"] for one in watchers} == {"x"}
    assert all(issubclass(one.connection_pool.connection_class, SSLConnection) for one in watchers)


def test_a_cluster_url_names_nodes_and_one_user() -> None:
    client: Any = connect("redis+cluster://app:secret@a,b:7001")

    assert {(node.host, node.port) for node in client.nodes_manager.startup_nodes.values()} == {
        ("a", 6379),
        ("b", 7001),
    }
    assert client.connection_kwargs["username"] == "app"


def test_limits_of_the_url_win_over_the_defaults() -> None:
    assert pool("redis://a?socket_timeout=9").connection_kwargs["socket_timeout"] == 9
    assert pool("redis://a").connection_kwargs["socket_timeout"] < 2


@pytest.mark.parametrize(
    "url", ["http://app:secret@a", "redis://app:secret@a:port", "redis+sentinel://app:secret@a", "secret"]
)
def test_a_url_that_cannot_be_understood_is_refused_without_its_secret(url: str) -> None:
    with pytest.raises(Misconfigured, match="LIFECYCLE_REDIS") as refused:
        connect(url)

    assert ":secret" not in str(refused.value)


@pytest.mark.parametrize(
    "url", ["redis://app:secret@a:1/0", "rediss+cluster://:secret@a,b", "unix://u:secret@/s"]
)
def test_what_is_shown_of_a_url_holds_no_secret(url: str) -> None:
    assert "secret" not in redacted(url)
    assert "secret" not in repr(connect(url))
