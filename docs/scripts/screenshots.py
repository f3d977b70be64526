"""Pictures of a run's report for the documentation: light, dark and on a phone.

    pip install 'kgtuner[browser]'      # and Debian's packages chromium and chromium-driver
    kgtuner tune world --model complex,distmult,transe --budget 4m --output runs/pictures
    python docs/scripts/screenshots.py runs/pictures

writes docs/images/report-light.png, report-dark.png and report-phone.png.
"""

from __future__ import annotations

import argparse
import base64
import shutil
import tempfile
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.support.wait import WebDriverWait

import kgtuner as kt

IMAGES = Path(__file__).parents[1] / "images"
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
PICTURES = (  # name, theme, width, height, section at the top
    ("report-light", "light", 1160, 1500, "top"),
    ("report-dark", "dark", 1160, 1300, "effects"),
    ("report-phone", "light", 390, 1300, "top"),
)


def picture(driver: Any, page: Path, theme: str, width: int, height: int, section: str) -> bytes:
    """A PNG of the page from the beginning of a section on."""
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    features = [{"name": "prefers-color-scheme", "value": theme}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    driver.get(page.resolve().as_uri())
    wait = WebDriverWait(driver, 60)
    wait.until(lambda d: d.execute_script("return document.documentElement.dataset.plots === 'ready'"))
    driver.execute_script("for (const p of plots) if (p.plot.offsetParent) draw(p)")
    wait.until(lambda d: d.execute_script("return plots.filter((p) => p.drawn).every((p) => p.done)"))
    top = driver.execute_script(
        "return document.getElementById(arguments[0]).getBoundingClientRect().top + scrollY", section
    )
    clip = {"x": 0, "y": top, "width": width, "height": height, "scale": 1}
    shot = driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip})
    return base64.b64decode(shot["data"])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", help="a run folder")
    page = kt.write_report(parser.parse_args().run)
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or "chromium"
    profile = tempfile.mkdtemp()
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    # With its path given, selenium looks for no other driver and asks no network.
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        IMAGES.mkdir(exist_ok=True)
        for name, theme, width, height, section in PICTURES:
            (IMAGES / f"{name}.png").write_bytes(picture(driver, page, theme, width, height, section))
            print(IMAGES / f"{name}.png")
    finally:
        driver.quit()
        shutil.rmtree(profile, ignore_errors=True)


if __name__ == "__main__":
    main()
