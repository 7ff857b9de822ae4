"""Answers that are no pages: a table as CSV, the way to the login and back."""

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from stream_app.console.asked import address
from stream_app.console.tables import Table, as_csv

__all__ = ["exported", "local", "to_login"]


def exported(table: Table | None, name: str) -> Response:
    """A table as a file of its own."""
    if table is None:
        return Response("There is no such table.", 404)
    headers = {"Content-Disposition": f'attachment; filename="{quote(name, safe="")}.csv"'}
    return Response(as_csv(table), media_type="text/csv; charset=utf-8", headers=headers)


def to_login(request: Request) -> Response:
    """Where a stranger has to go first, to come back here afterwards."""
    where = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    response: Response = RedirectResponse(address("/login", {"next": local(where)}), 303)
    if request.headers.get("HX-Request"):
        response = Response(status_code=401, headers={"HX-Redirect": "/login"})
    return response


def local(where: str) -> str:
    """An address of this console, whatever somebody put into the query."""
    return where if where.startswith("/") and not where.startswith(("//", "/\\")) else "/"
