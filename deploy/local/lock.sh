#!/bin/sh
# Writes requirements.lock (to run) and requirements-dev.lock (to run and to test) from pyproject.toml.
# The hashes are those of every file that the package index serves, so one lock serves all platforms; no host is named in it.
set -eu
cd "$(dirname "$0")/../.."
unset PIP_FIND_LINKS PIP_EXTRA_INDEX_URL
export CUSTOM_COMPILE_COMMAND="make lock"
options="--quiet --generate-hashes --strip-extras --allow-unsafe --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options"
# shellcheck disable=SC2086
pip-compile $options --output-file requirements.lock pyproject.toml
# shellcheck disable=SC2086
pip-compile $options --extra dev --constraint requirements.lock --output-file requirements-dev.lock pyproject.toml
