"""A headless Chromium with its console and its requests recorded."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


class Browser:
    """Opens files and tells what the page printed and asked for."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def open(self, page: Path, *, width: int = 1200, height: int = 900) -> None:
        """Load a file and wait until its plots can be drawn."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        for kind in ("browser", "performance"):
            self.driver.get_log(kind)  # of the page before
        self.driver.get(page.resolve().as_uri())
        self.wait("return document.documentElement.dataset.plots === 'ready'")

    def wait(self, script: str, seconds: float = 60) -> None:
        from selenium.webdriver.support.wait import WebDriverWait

        WebDriverWait(self.driver, seconds, poll_frequency=0.05).until(lambda d: d.execute_script(script))

    def draw_all(self) -> None:
        """Draw every plot that is to be seen, and wait until plotly has ended with each."""
        self.run("for (const p of plots) if (p.plot.offsetParent) draw(p)")
        self.wait("return plots.filter((p) => p.drawn).every((p) => p.done)")

    def run(self, script: str, *values: Any) -> Any:
        return self.driver.execute_script(script, *values)

    def prefer(self, scheme: str) -> None:
        """Tell pages that the reader's system is "light" or "dark"."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def barriers(self) -> list[str]:
        """What axe-core finds wrong for people who see little or use no mouse, with the elements."""
        from axe_core_python.selenium import Axe

        found = Axe().run(self.driver)["violations"]
        return [f"{one['id']}: {node['html'][:120]}" for one in found for node in one["nodes"]]

    def console(self) -> list[dict[str, Any]]:
        """Everything that went to the console, errors of the security policy included."""
        return list(self.driver.get_log("browser"))

    def requests(self) -> list[str]:
        """Addresses that were asked for since the page was opened, but for data in the page itself."""
        messages = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        sent = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
        return [url for url in sent if not url.startswith(("data:", "blob:"))]


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    webdriver = pytest.importorskip("selenium.webdriver", reason="install kgtuner[browser]")
    pytest.importorskip("axe_core_python", reason="install kgtuner[browser]")
    program, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    if not program or not chromedriver:
        pytest.skip("chromium and chromedriver are not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(chromedriver))
    try:
        yield Browser(driver)
    finally:
        driver.quit()


@pytest.fixture
def browser(chromium: Browser) -> Iterator[Browser]:
    """Nothing that a page remembers or is told in one test is known in the next."""
    yield chromium
    chromium.run("sessionStorage.clear()")
    chromium.prefer("light")


ENTITIES = tuple(
    f"<script>alert({i})</script>" if i % 2 else f"</script><img src=x onerror=alert({i})>" for i in range(20)
)
RELATIONS = ("<b>bold</b>", "</script><script>alert(2)</script>", "\x1b[31m\u202egnp")


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Writes the report of a made-up run with hostile names in its graph; takes the number of trials."""
    from benchmarks.report import make_graph, make_run
    from kgtuner.api.report import write_report

    reports: dict[int, Path] = {}

    def write(trials: int = 60) -> Path:
        if trials not in reports:
            graph = make_graph(20, 3, names=ENTITIES, relation_names=RELATIONS)
            run = make_run(tmp_path_factory.mktemp("runs") / "run", trials, graph=graph)
            reports[trials] = write_report(run.path)
        return reports[trials]

    return write
