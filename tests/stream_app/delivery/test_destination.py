"""What a destination file may say, and what is refused with file and key."""

from pathlib import Path

import pytest

from stream_app.bundled import bundled
from stream_app.delivery.destination import load_destination, load_destinations
from stream_app.errors import Misconfigured
from tests.stream_app.delivery.test_presets import VARIABLES

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - the one of the specification


def refused(tmp_path: Path, text: str, **environment: str) -> str:
    file = tmp_path / "crm.toml"
    file.write_text(text, "utf-8")
    with pytest.raises(Misconfigured) as error:
        load_destination(str(file), environment)
    assert str(file) in error.value.sentence
    return error.value.sentence


def test_every_preset_loads_and_shows_no_secret() -> None:
    names = tuple(sorted(file.stem for file in bundled("destinations").glob("*.toml")))
    loaded = load_destinations(names, VARIABLES)

    assert len(loaded) == 8
    assert "s3cret" not in repr(loaded)


def test_a_preset_is_the_base_of_a_file_of_ones_own(tmp_path: Path) -> None:
    file = tmp_path / "crm.toml"
    file.write_text('preset = "hubspot"\n[stages]\nvip = "evangelist"\n[headers]\nX-Shop = "a"\n', "utf-8")
    made = load_destination(str(file), VARIABLES)

    assert (made.name, made.method, made.stages) == ("crm", "PATCH", {"vip": "evangelist"})
    assert sorted(made.headers) == ["Authorization", "X-Shop"]


@pytest.mark.parametrize(
    "url",
    [
        "http://crm.example/x",
        "https://169.254.169.254/latest/meta-data",
        "https://{customer_id}.example/x",
        "https://user:hunter2@crm.example/x",
        "file:///etc/passwd",
        "https://metadata.google.internal/x",
    ],
)
def test_a_destination_that_must_not_be_called_is_refused(tmp_path: Path, url: str) -> None:
    said = refused(tmp_path, f'url = "{url}"')

    assert "url" in said
    assert "hunter2" not in said


def test_http_needs_to_be_wanted_outside_this_machine(tmp_path: Path) -> None:
    file = tmp_path / "crm.toml"
    file.write_text('url = "http://alertmanager:9093/x"\nallow_http = true\n', "utf-8")

    assert load_destination(str(file), {}).allow_http


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            'url = "https://a"\n[headers]\nAuthorization = "Bearer hunter2"',
            "headers.Authorization: secrets belong",
        ),
        (f'url = "https://a"\nsecrets = ["{SECRET}"]', "secrets.0: secrets belong into variables"),
        ('url = "https://a"\nsecrets = ["${WEAK}"]', "secrets: holds 3 bytes"),
        ('url = "https://a/${MISSING}"', "url: variable MISSING is not set"),
        ('url = "https://a"\n[headers]\nX-Key = "${LINE}"', "headers: 'X-Key' or its value is no header"),
        ('url = "https://a/${LINE}"', "url holds a control character"),
        ('url = "https://a"\nbody = "{stage: "', "body: is no JMESPath"),
        ('url = "https://a"\n[only]\nwhen = "((("', "only.when: is no JMESPath"),
        ('url = "https://a"\nmethod = "GET"', "method: Input should be"),
        ('url = "https://a"\nspeed = 3', "speed: Extra inputs are not permitted"),
        ('url = "https://a"\ntimeout = 3', "timeout: 3 has no unit"),
        ("url = ", "cannot be read as TOML"),
        ('preset = "nowhere"', "there is none called 'nowhere'"),
    ],
)
def test_what_is_wrong_is_said_with_file_and_key(tmp_path: Path, text: str, said: str) -> None:
    sentence = refused(tmp_path, text, WEAK="whsec_YWJj", LINE="hunter2\n")

    assert said in sentence
    assert "hunter2" not in sentence


def test_an_unknown_name_names_the_presets() -> None:
    with pytest.raises(Misconfigured, match="presets are activecampaign, alertmanager"):
        load_destination("hubsport", {})


def test_two_of_the_same_name_are_refused() -> None:
    with pytest.raises(Misconfigured, match="twice"):
        load_destinations(("hubspot", "hubspot"), VARIABLES)
