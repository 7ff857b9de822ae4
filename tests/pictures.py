"""``python -m tests.pictures``: the pictures of the README, from demos that have just run.

Needs Chromium, and ImageMagick's `convert`, which makes the files small.
"""

import json
import subprocess
import tempfile
from pathlib import Path
from time import sleep

from selenium.webdriver import Chrome

from stream_app.shop.people import PEOPLE
from tests.browser import chromium
from tests.stream_app.console.looking import Onlooker
from tests.stream_app.demo.running import running
from tests.stream_app.shop.test_shop import Visitor

FOLDER = Path(__file__).parents[1] / ".github" / "pictures"
_WIDTH, _HEIGHT = 1280, 900
_STAGES = ("first-visit", "cart-left", "loyal", "lapsed")
_VIEWS = ("now", "transitions", "customer", "risk", "models", "health")


def take(home: Path) -> None:
    """Run a demo and take a picture of each view of the console."""
    with running(home, "demo", "--limit", "20000", "--json", "--console") as demo:
        assert demo.stdout is not None
        summary = json.loads(demo.stdout.readline())
        customer = summary["top_churn_risks"][0]["customer_id"]
        with chromium(home / "profile") as browser:
            _frame(browser)
            browser.get(summary["console"])
            onlooker = Onlooker(browser, summary["console"].partition("/login")[0])
            for name in _VIEWS:
                path = {"now": "/", "customer": f"/customer?id={customer}"}.get(name, f"/{name}")
                onlooker.opens(path)
                if name == "customer":
                    onlooker.sees(lambda: onlooker.rows("why-this-risk"))
                    onlooker.sees(lambda: len(onlooker.rows("timeline")) > 20)
                sleep(1.0)  # what is drawn has to come to rest
                _keep(name, browser.get_screenshot_as_png())
        demo.terminate()
        demo.wait(60)


def take_shop(home: Path) -> None:
    """Open the sample shop and take a picture of its front page as customers of some stages see it."""
    with running(home, "demo", "--shop", "--json") as demo:
        assert demo.stdout is not None
        shop = json.loads(demo.stdout.readline())["shop"]
        with chromium(home / "profile") as browser:
            _frame(browser)
            visitor = Visitor(browser, shop)
            for stage in _STAGES:
                for person in (each for each in PEOPLE if each.stage == stage):
                    visitor.goes_to("/login")
                    visitor.clicks(f"be-{person.customer.name.lower()}")
                visitor.goes_to("/")
                visitor.sees(stage, seconds=30)
                sleep(1.0)
                _keep(f"shop-{stage}", browser.get_screenshot_as_png())
                for button in browser.find_elements("id", "log-out")[:1]:
                    visitor.clicks(str(button.get_attribute("id")))
        demo.terminate()
        demo.wait(60)


def _frame(browser: Chrome) -> None:
    metrics = {"width": _WIDTH, "height": _HEIGHT, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def _keep(name: str, png: bytes) -> None:
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{name}.png"
    path.write_bytes(png)
    subprocess.run(["convert", path, "-strip", "+dither", "-colors", "64", f"PNG8:{path}"], check=True)


if __name__ == "__main__":
    for each in (take, take_shop):
        with tempfile.TemporaryDirectory() as directory:
            each(Path(directory))
