"""Does the server of this container answer? Exit status 0 or 1, for HEALTHCHECK."""

import os
import sys
import urllib.request

PORT = os.environ.get("STREAMLIT_SERVER_PORT", "8501")

try:
    with urllib.request.urlopen(f"http://localhost:{PORT}/_stcore/health", timeout=4) as answer:
        sys.exit(answer.read() != b"ok")
except OSError as error:
    sys.exit(f"The server does not answer: {error}")
