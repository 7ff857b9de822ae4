"""`lifecycle dashboards`: writes the Grafana dashboards."""

from pathlib import Path
from typing import Annotated

import typer

from stream_app.errors import Misconfigured


def dashboards(
    out: Annotated[
        Path, typer.Option(help="Directory for the JSON files, which Grafana provisions or imports.")
    ] = Path("deploy/grafana/dashboards"),
) -> None:
    """Write the Grafana dashboards as JSON: service overview, pipeline, front door and deliveries, models, customers.

    They read the recording rules of deploy/prometheus and ask for the data source when they are imported. Needs the
    extra `dashboards` (pip install 'lifecycle-scoring[dashboards]').
    """
    try:
        from stream_app.dashboards.written import write  # noqa: PLC0415 - an extra that most installations do not need
    except ModuleNotFoundError as missing:
        raise Misconfigured(
            f"{missing.name} is not installed: pip install 'lifecycle-scoring[dashboards]'"
        ) from None
    for path in write(out):
        typer.echo(str(path))
