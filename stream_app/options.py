"""Flags that several commands share, so that they are called and explained the same everywhere.

A flag that is not given is ``None`` and leaves the setting to the environment, the file or the default.
"""

from pathlib import Path
from typing import Annotated

import typer

ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="Configuration file (TOML); by default LIFECYCLE_CONFIG.",
        show_default=False,
    ),
]
Kafka = Annotated[
    str | None,
    typer.Option("--kafka", metavar="HOST:PORT,…", help="Kafka bootstrap servers.", show_default=False),
]
Redis = Annotated[
    str | None,
    typer.Option("--redis", metavar="URL", help="Redis URL.", show_default=False),
]
DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", metavar="DIR", help="Where state and logs are kept.", show_default=False),
]
Lifecycles = Annotated[
    list[str] | None,
    typer.Option(
        "--lifecycle",
        metavar="FILE_OR_PRESET",
        help="A lifecycle file or preset; may be given several times.",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
