#!/bin/sh
# Installs the packages beside this file at the first start, without a network; then starts the app.
#
#   sh start.sh                        http://localhost:8501, on this computer only
#   sh start.sh --server.port 8600     what stands behind it goes to Streamlit
#   sh start.sh class start --name 8b  for a class in the room
#   sh start.sh --check                looks at every file
set -eu
cd "$(dirname "$0")"
kit=$PWD
wanted=$python_version

python=
for one in "python$wanted" python3 python; do
  if command -v "$one" >/dev/null 2>&1 &&
    [ "$("$one" -c 'import sys; print("%d.%d" % sys.version_info[:2])')" = "$wanted" ]; then
    python=$one
    break
  fi
done
if [ -z "$python" ]; then
  echo "This kit needs Python $wanted, which is not on this computer." >&2
  exit 1
fi

if [ ! -e .venv/installed ]; then
  echo "Installing the packages; this takes a minute or two."
  rm -rf .venv
  "$python" -m venv .venv
  if ! .venv/bin/python -m pip --isolated install --quiet --disable-pip-version-check --no-index \
    --find-links packages -r app/requirements.txt; then
    echo "The packages could not be installed. They are for Python $wanted on $platform." >&2
    exit 1
  fi
  touch .venv/installed
fi

export TUNING_FORK_HOME="$kit/home" PYTHON="$kit/.venv/bin/python"
case "${1:-}" in
  class)
    cd app
    exec "$PYTHON" -m core "$@"
    ;;
  --check)
    cd app
    exec "$PYTHON" -m core kit check "$kit"
    ;;
esac
exec app/deploy/start.sh "$@"
