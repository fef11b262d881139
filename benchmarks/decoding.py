"""The check of a picture alone: `python -m benchmarks.decoding TIMES` decodes one as runner's threads do."""

import sys

from benchmarks.provider import SIDE, png
from runner.images import inspect

if __name__ == "__main__":
    data = png(SIDE)
    for _ in range(int(sys.argv[1])):
        assert inspect(data).width == SIDE
