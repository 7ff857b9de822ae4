"""The pieces of HTML that the report is made of; whatever is put in is escaped."""

from collections.abc import Iterable, Sequence
from html import escape

__all__ = ["card", "figure", "grid", "note", "number", "page", "table"]

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light; }}
body {{ font: 16px/1.55 system-ui, -apple-system, "Segoe UI", sans-serif; color: #1f2933; background: #fff;
  max-width: 68rem; margin: 2.5rem auto; padding: 0 1.25rem; }}
h1 {{ font-size: 1.7rem; overflow-wrap: anywhere; }}
h2 {{ margin: 3rem 0 1rem; padding-bottom: .3rem; border-bottom: 2px solid #0072b2; }}
h3 {{ margin: 0 0 .4rem; font-size: 1rem; }}
h2 + p, h4 {{ color: #52606d; }}
h4 {{ margin: 2.2rem 0 .6rem; font-size: 1.25rem; color: #1f2933; }}
p.note {{ background: #fff6df; border-left: 4px solid #e69f00; padding: .6rem .9rem; }}
.cards {{ display: flex; flex-wrap: wrap; gap: .8rem; margin: 1.4rem 0; }}
.card {{ flex: 1 1 8rem; border: 1px solid #e1e7ec; border-radius: .5rem; padding: .7rem 1rem; }}
.card b {{ display: block; font-size: 1.5rem; font-variant-numeric: tabular-nums; }}
.card span {{ color: #66788a; font-size: .85rem; }}
.grid {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(22rem, 1fr)); gap: 1.2rem 1.6rem;
  align-items: start; }}
figure {{ margin: .6rem 0; min-width: 0; }}
figure svg {{ width: 100%; height: auto; }}
figcaption {{ color: #66788a; font-size: .86rem; }}
.wide {{ overflow-x: auto; }}
table {{ border-collapse: collapse; margin: .6rem 0 1rem; font-size: .93rem; }}
th, td {{ padding: .28rem .8rem .28rem 0; border-bottom: 1px solid #eef2f5; text-align: left; white-space: nowrap; }}
th {{ color: #66788a; font-weight: 600; }}
td.n, th.n {{ text-align: right; font-variant-numeric: tabular-nums; padding-left: .8rem; }}
tr.ours td {{ font-weight: 600; }}
details {{ margin: .4rem 0; }}
summary {{ cursor: pointer; color: #0072b2; }}
@media print {{ details > * {{ display: block; }} }}
</style>
</head>
<body>
<h1>{title}</h1>
{body}
</body>
</html>
"""


def page(title: str, body: str) -> str:
    """A whole page; *body* is HTML."""
    return _PAGE.format(title=escape(title), body=body)


def card(value: str, name: str) -> str:
    """One figure that is read first."""
    return f'<div class="card"><b>{escape(value)}</b><span>{escape(name)}</span></div>'


def note(text: str) -> str:
    """Something that must not be overlooked."""
    return f'<p class="note">{escape(text)}</p>'


def figure(title: str, svg: str, caption: str) -> str:
    """A plot with its title above and what it shows below."""
    return f"<figure><h3>{escape(title)}</h3>{svg}<figcaption>{escape(caption)}</figcaption></figure>"


def grid(*pieces: str) -> str:
    """Pieces side by side where there is room."""
    return f'<div class="grid">{"".join(pieces)}</div>'


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], ours: str = "") -> str:
    """A table: names on the left, numbers on the right; the row whose name is *ours* stands out.

    Examples:
        >>> table((), [["a < b", "1"]])
        '<div class="wide"><table><tr><td>a &lt; b</td><td class="n">1</td></tr></table></div>'
    """
    head = "".join(f"<th{_numeric(place)}>{escape(text)}</th>" for place, text in enumerate(heads))
    body = "".join(
        ('<tr class="ours">' if ours and row[0] == ours else "<tr>")
        + "".join(f"<td{_numeric(place)}>{escape(text)}</td>" for place, text in enumerate(row))
        + "</tr>"
        for row in rows
    )
    return f'<div class="wide"><table>{f"<tr>{head}</tr>" if heads else ""}{body}</table></div>'


def number(value: float | None, digits: int = 4) -> str:
    """A number for people; nothing where it is not known.

    Examples:
        >>> number(None), number(12345), number(0.12345)
        ('-', '12,345', '0.1235')
    """
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.{digits}f}"


def _numeric(place: int) -> str:
    return ' class="n"' if place else ""
