"""The top of a report as a picture: `python -m docs.shot outputs/example/report.html docs/report.png`."""

import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

SIZE = 1200, 850
COLOURS = 128
CHROMIUM = "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"


def shot(page: Path) -> Image.Image:
    """As chromium shows it on a desk."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        target = Path(folder) / "shot.png"
        options = f"--screenshot={target}", f"--user-data-dir={folder}", f"--window-size={SIZE[0]},{SIZE[1]}"
        subprocess.run(
            (*CHROMIUM, *options, page.absolute().as_uri()), check=True, capture_output=True, timeout=60
        )
        with Image.open(target) as picture:
            return picture.convert("RGB")


def main() -> None:
    page, target = map(Path, sys.argv[1:])
    shot(page).quantize(COLOURS).save(target, optimize=True)


if __name__ == "__main__":
    main()
