"""The shop behind the agent: its state, and the tools that the agent has over it."""

import copy
from datetime import date
from typing import Any

State = dict[str, Any]

DEFAULT: State = {
    "today": "2026-03-16",
    "orders": {},
    "stock": {
        "Ridge tent 2": {"price": 189.0, "in_stock": 6, "restock_on": None},
        "Ridge tent 4": {"price": 289.0, "in_stock": 0, "restock_on": "2026-04-02"},
        "Fjord sleeping bag": {"price": 129.0, "in_stock": 3, "restock_on": None},
        "Ember camp stove": {"price": 64.0, "in_stock": 12, "restock_on": None},
        "Trail backpack 40": {"price": 119.0, "in_stock": 0, "restock_on": None},
        "Drizzle rain jacket": {"price": 95.0, "in_stock": 8, "restock_on": None},
        "Summit boots": {"price": 149.0, "in_stock": 2, "restock_on": None},
        "Glow headlamp": {"price": 32.0, "in_stock": 40, "restock_on": None},
        "Tarn water filter": {"price": 45.0, "in_stock": 0, "restock_on": "2026-03-27"},
        "Basecamp mug": {"price": 14.0, "in_stock": 75, "restock_on": None},
    },
    "codes": {
        "SPRING10": {"percent": 10, "valid_until": "2026-03-31", "minimum": 50.0},
        "WINTER20": {"percent": 20, "valid_until": "2026-02-28", "minimum": 0.0},
        "BIGTRIP15": {"percent": 15, "valid_until": "2026-12-31", "minimum": 250.0},
    },
    "tickets": [],
}


class ToolFailed(Exception):
    """The tool says no; the message is for the agent."""


class Shop:
    """One conversation's own copy of the shop. Every tool call is kept in `calls`."""

    def __init__(self, state: State | None) -> None:
        self.state = merged(DEFAULT, state or {})
        self.calls: list[dict[str, Any]] = []

    def call(self, tool: str, **arguments: Any) -> Any:
        """What the tool gives back. Raises ToolFailed; either way the call is recorded."""
        record: dict[str, Any] = {"name": tool, "arguments": arguments}
        self.calls.append(record)
        try:
            record["result"] = copy.deepcopy(getattr(self, tool)(**arguments))
        except ToolFailed as failed:
            record["error"] = str(failed)
            raise
        return record["result"]

    def days_since(self, day: str) -> int:
        return (date.fromisoformat(self.state["today"]) - date.fromisoformat(day)).days

    def find_order(self, order_number: str) -> State:
        return {"order_number": order_number, **self._order(order_number)}

    def issue_refund(self, order_number: str, amount: float, reason: str) -> State:
        order = self._order(order_number)
        if order["refunded"] + amount > total(order) + 0.005:
            raise ToolFailed(f"{amount:.2f} EUR is more than was paid and not yet refunded")
        order["refunded"] = round(order["refunded"] + amount, 2)
        return {"refunded": order["refunded"], "reason": reason}

    def cancel_order(self, order_number: str) -> State:
        order = self._order(order_number)
        if order["status"] != "processing":
            raise ToolFailed(f"the order is {order['status']}")
        order["status"] = "cancelled"
        order["refunded"] = total(order)
        return {"status": "cancelled", "refunded": order["refunded"]}

    def change_address(self, order_number: str, address: str) -> State:
        order = self._order(order_number)
        order["address"] = address
        return {"address": address}

    def check_stock(self, product: str) -> State:
        if product not in self.state["stock"]:
            raise ToolFailed(f"no product named {product}")
        return self.state["stock"][product]

    def apply_code(self, order_number: str, code: str) -> State:
        order, known = self._order(order_number), self.state["codes"].get(code)
        if known is None:
            raise ToolFailed("there is no such code")
        if self.days_since(known["valid_until"]) > 0:
            raise ToolFailed(f"the code was valid until {known['valid_until']}")
        if order["status"] != "processing":
            raise ToolFailed(f"the order is {order['status']} already")
        if order.get("code"):
            raise ToolFailed(f"the order already has the code {order['code']}")
        if total(order) < known["minimum"]:
            raise ToolFailed(f"the code needs an order of at least {known['minimum']:.2f} EUR")
        order["code"] = code
        return {"percent": known["percent"], "saved": round(total(order) * known["percent"] / 100, 2)}

    def send_replacement(self, order_number: str, item: str) -> State:
        self._order(order_number).setdefault("replacements", []).append(item)
        self.state["stock"][item]["in_stock"] -= 1
        return {"item": item}

    def open_ticket(self, reason: str, summary: str, order_number: str | None = None) -> State:
        ticket = {
            "id": f"T{len(self.state['tickets']) + 1}",
            "reason": reason,
            "summary": summary,
            "order_number": order_number,
        }
        self.state["tickets"].append(ticket)
        return ticket

    def _order(self, order_number: str) -> State:
        if order_number not in self.state["orders"]:
            raise ToolFailed(f"no order {order_number}")
        return self.state["orders"][order_number]


def total(order: State) -> float:
    """What was paid, in EUR."""
    return round(sum(item["price"] for item in order["items"]), 2)


def merged(base: State, over: State) -> State:
    """A deep copy of `base` with `over` on top; dictionaries are merged, all else is replaced."""
    both = copy.deepcopy(base)
    for key, value in over.items():
        inside = both.get(key)
        both[key] = (
            merged(inside, value) if isinstance(inside, dict) and isinstance(value, dict) else copy.deepcopy(value)
        )
    return both
