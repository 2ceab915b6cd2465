"""``python -m stepwell.compat``: run a program written for LlamaIndex, unchanged."""

import sys

from stepwell.compat._main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
