"""Runs `lifecycle` commands one after another in one process: starting Python for each takes seconds.

Reads ``[[arguments, variables], ...]`` as JSON from standard input, writes ``[[exit code, output, errors], ...]``.
"""

import io
import json
import os
import sys
from contextlib import redirect_stderr, redirect_stdout

from stream_app.cli import run


def main() -> None:
    before = dict(os.environ)
    outcomes = []
    for arguments, variables in json.load(sys.stdin):
        os.environ.clear()
        os.environ.update({**before, **variables})
        said, complained = io.StringIO(), io.StringIO()
        with redirect_stdout(said), redirect_stderr(complained):
            code = run(arguments)
        outcomes.append((code, said.getvalue(), complained.getvalue()))
    json.dump(outcomes, sys.stdout)


if __name__ == "__main__":
    main()
