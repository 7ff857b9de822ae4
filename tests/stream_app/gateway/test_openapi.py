"""What the gateway says of itself is OpenAPI, and says what is true of answers."""

from typing import Any

import pytest
from openapi_spec_validator import validate

from stream_app.gateway.openapi import description
from stream_app.gateway.source_file import names

DOCUMENT: dict[str, Any] = description(names())


def test_the_description_is_openapi() -> None:
    validate(DOCUMENT)


@pytest.mark.parametrize("path", [path for path in DOCUMENT["paths"] if "post" in DOCUMENT["paths"][path]])
def test_whoever_sends_is_told_of_every_refusal(path: str) -> None:
    answers = DOCUMENT["paths"][path]["post"]["responses"]

    assert {"200", "400", "401", "413", "429", "503"} <= set(answers)
