"""Ports are checked before a server wants them."""

import os
import socket

import pytest

from stream_app.embedded.ports import LOOPBACK, choose_port, is_answering, is_free, require_free
from stream_app.errors import Unavailable


def test_a_chosen_port_is_free_and_no_client_is_given_it_by_chance() -> None:
    port = choose_port()

    assert is_free(port)
    assert port < 32_768


def test_a_taken_port_is_refused_with_its_holder_and_the_flag_that_chooses_another() -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        port = server.getsockname()[1]

        assert not is_free(port)
        assert is_answering(port)
        with pytest.raises(
            Unavailable,
            match=rf"port {port} .* wanted for Kafka, is taken by .*pid {os.getpid()}.*--kafka-port",
        ):
            require_free(port, "Kafka", "--kafka-port")

    assert not is_answering(port)
