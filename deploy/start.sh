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

exec "$PYTHON" -m streamlit run app.py "$@"
