#!/bin/sh
# Prepares the model where it is missing, then starts the app. The container, the systemd unit and a person use
# this same file.
#
#   deploy/start.sh                        on this computer only: http://localhost:8501
#   deploy/start.sh --server.port 8600     what stands behind it goes to Streamlit
#
# Read from the environment, all optional:
#   PYTHON                           the Python that has the packages (default: that of .venv, else python3)
#   TUNING_FORK_HOME                 where the model and all runs are kept
#   DATABASE_URL                     a database for the runs instead of a file
#   STREAMLIT_SERVER_ADDRESS         127.0.0.1 is this computer only, 0.0.0.0 everybody who can reach it
#   STREAMLIT_SERVER_PORT            8501 without it
#   STREAMLIT_SERVER_ALLOWED_HOSTS   the names under which readers reach the server, with spaces between them
#   TUNING_FORK_CLASSROOM            1: the server lets in members of a class and nobody else
#   TUNING_FORK_ENGINE, RAY_ADDRESS  ray, auto: a Ray cluster begins on this machine, which computes nothing itself
set -eu
cd "$(dirname "$0")/.."

if [ -z "${PYTHON:-}" ]; then
  if [ -x .venv/bin/python ]; then
    PYTHON=$PWD/.venv/bin/python
  else
    PYTHON=python3
  fi
fi

# Recorded runs are there without the model, and the home page offers to prepare it: so a failure ends nothing.
"$PYTHON" -m core prepare || echo "The app starts without the model." >&2

if [ "${TUNING_FORK_ENGINE:-local}" = ray ] && [ "${RAY_ADDRESS:-}" = auto ]; then
  "$PYTHON" -m ray.scripts.scripts start --head --num-cpus=0 --port=6379
fi

exec "$PYTHON" -m streamlit run app.py "$@"
