# The only task runner: people, hooks and CI call the same recipes. `just` lists them.

python := env("PYTHON", "python3")
bin := env("LIFECYCLE_BIN", ".venv/bin")
# What is installed in .venv is a copy: recipes run what stands here.
export PYTHONPATH := justfile_directory()

_list:
    @just --list

# make .venv with the locked dependencies, the tools and the project
setup:
    {{python}} -m venv .venv
    {{bin}}/pip install -q --require-hashes -r requirements.lock
    {{bin}}/pip install -q --require-hashes -r .ci/requirements.lock
    {{bin}}/pip install -q --no-deps .
    {{bin}}/pre-commit install

# what CI runs: lint, types, contracts, all tests
check: lint types contracts test-all faults

# ruff: rules and format
lint:
    {{bin}}/ruff check .
    {{bin}}/ruff format --check .

# mend what ruff can mend
fix:
    {{bin}}/ruff check --fix .
    {{bin}}/ruff format .

# mypy, strict, over the three packages
types:
    {{bin}}/mypy

# the dependency rules of ARCHITECTURE.md
contracts:
    {{bin}}/lint-imports --no-cache

# tests that need no broker
test *args:
    {{bin}}/python -m pytest -q -m "not integration" {{args}}

# all tests, with real Kafka and Redis
test-all *args:
    {{bin}}/python -m pytest -q {{args}}

# kills, stalls, floods and lost disks: a quarter of an hour
faults *args:
    {{bin}}/python -m pytest -q -m faults tests/faults {{args}}

# branch coverage of the tests that need no broker
cover:
    {{bin}}/coverage run -m pytest -q -m "not integration"
    {{bin}}/coverage report

# the main job on embedded services, with the bundled real data
demo *args:
    {{bin}}/lifecycle demo {{args}}

# write config/lifecycle.schema.json from the settings
schema:
    {{bin}}/lifecycle check --schema > config/lifecycle.schema.json

# resolve the dependencies anew: hashes, no index addresses, all platforms and Pythons
lock:
    UV_CUSTOM_COMPILE_COMMAND="just lock" uv pip compile -q pyproject.toml --group test --generate-hashes \
        --no-emit-index-url --no-header --universal --python-version 3.11 -o requirements.lock
    UV_CUSTOM_COMPILE_COMMAND="just lock" uv pip compile -q --group dev --generate-hashes \
        --no-emit-index-url --no-header --universal --python-version 3.11 -c requirements.lock -o .ci/requirements.lock

# build the wheel into dist/
build:
    {{bin}}/pip wheel -q --no-deps -w dist .
