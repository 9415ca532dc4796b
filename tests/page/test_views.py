"""Every view of a project that has been through the lifecycle: readable, accessible, fit to be shown."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.conftest import ROOT
from tests.page.conftest import PICTURES, Server

AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
VIEWS = {
    "home": ("/", "Projects"),
    "lifecycle": ("/p/shop", "shop"),
    "start": ("/p/shop/start", "Start the lifecycle"),
    "runs": ("/p/shop/runs", "Runs"),
    "run": ("/p/shop/runs/{run}", "compare shop-support@v2"),
    "gates": ("/p/shop/gates", "Gates"),
    "agents": ("/p/shop/agents", "Agents"),
    "datasets": ("/p/shop/datasets", "Datasets"),
    "dataset": ("/p/shop/datasets/{dataset}", "dataset"),
    "conversations": ("/p/shop/conversations?judging={judging}", "Conversations"),
    "conversation": ("/p/shop/conversations/{conversation}", "trial"),
    "labelling": ("/p/shop/labelling", "Labelling"),
    "analytics": ("/p/shop/analytics", "Analytics"),
    "compare": ("/p/shop/compare", "Compare"),
    "deploy": ("/p/shop/deploy", "Deploy"),
    "feedback": ("/p/shop/feedback", "Feedback"),
    "agents-report": ("/p/shop/agents-report", "Agents Report"),
    "settings": ("/settings", "Settings"),
}


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_can_be_read_by_everyone(page: Page, lived_in: Server, view: str):
    """axe finds no serious fault, light and dark, on a desk and on a phone."""
    path, heading = VIEWS[view]
    page.goto(lived_in.url + path.format(**lived_in.places))
    expect(page.get_by_role("heading", level=1)).to_contain_text(heading)
    settled(page)
    take_picture(page, view)
    assert faults(page) == []
    page.emulate_media(color_scheme="dark")
    page.evaluate("localStorage.setItem('assay-colour-scheme', 'dark')")
    page.set_viewport_size({"width": 390, "height": 844})
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_contain_text(heading)
    settled(page)
    if view == "lifecycle":
        take_picture(page, f"{view}-phone")
    assert faults(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it scrolls sideways on a phone"


def test_settings_show_what_can_be_named_and_measured(page: Page, lived_in: Server):
    """Kinds, report blocks and measures come from the server, not from a list of the page's own."""
    page.goto(f"{lived_in.url}/settings")
    page.get_by_role("tab", name="Plug-ins").click()
    expect(page.get_by_role("cell", name="tau-bench")).to_be_visible()
    assert faults(page) == []
    page.get_by_role("tab", name="Policy").click()
    expect(page.get_by_role("textbox", name="Slow answers")).to_have_value("5 points")
    page.get_by_role("combobox", name="Add a guardrail").click()
    page.get_by_role("option", name="Answer time").click()
    expect(page.get_by_role("textbox", name="Answer time")).to_have_value("0.6 s")
    page.get_by_role("button", name="Remove the guardrail Errors").click()
    expect(page.get_by_role("textbox", name="Errors")).to_have_count(0)
    expect(page.get_by_role("combobox", name="Report blocks")).to_be_visible()
    assert faults(page) == []


def test_an_address_that_is_none_says_so(page: Page, lived_in: Server):
    page.goto(f"{lived_in.url}/p/shop/nowhere")
    expect(page.get_by_role("heading", name="There is no such page")).to_be_visible()


def test_a_project_that_is_not_there_says_so(page: Page, lived_in: Server):
    page.goto(f"{lived_in.url}/p/no-such-project")
    expect(page.get_by_role("alert")).to_contain_text("no-such-project")


def settled(page: Page) -> None:
    """Nothing is being read any more."""
    expect(page.get_by_text("Reading ")).to_have_count(0)
    expect(page.get_by_role("alert").filter(has_text="Try again")).to_have_count(0)
    page.wait_for_timeout(250)


def faults(page: Page) -> list[str]:
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']}).then(found => found.violations)")
    return [
        f"{fault['id']}: {json.dumps([node['html'][:160] for node in fault['nodes'][:3]])}"
        for fault in found
        if fault["impact"] in ("serious", "critical")
    ]


def take_picture(page: Page, name: str) -> None:
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / f"page-{name}.png", animations="disabled")
