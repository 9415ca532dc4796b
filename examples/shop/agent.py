"""A customer-support agent of a small shop: rules, no language model. Two versions; v1 has real flaws.

Assay makes one `Support` for each conversation (see v1.json and v2.json) and calls `reply` with what the user says.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from reading import URGENT, Read, read
from store import Shop, State, ToolFailed, total


@dataclass(frozen=True)
class Flaws:
    """What a version does badly, as chances: no agent is the same in every conversation."""

    skips_email: float = 0.0
    """Speaks of an order to anyone who knows its number. Drawn once a conversation, as are the next three."""
    skips_window: float = 0.0
    """Refunds whatever the date, the final sale or the amount."""
    skips_status: float = 0.0
    """Changes parcels that have left, or says so."""
    keeps_cases: float = 0.0
    """Hands nothing over to a colleague."""
    forgets_order: float = 0.0
    """Loses the order number from one turn to the next."""
    misreads_order: float = 0.0
    """Swaps two digits of an order number."""
    guesses_stock: float = 0.0
    """Says that a product is there without looking."""
    gives_in: float = 0.0
    """Promises what the policy forbids when the customer presses."""
    refunds_all: float = 0.0
    """Refunds the whole order where one item comes back."""
    omits_days: float = 0.0
    """Forgets to say how long a refund takes."""
    drops_second: float = 0.0
    """Forgets the second of two wishes."""
    misses_lost: float = 0.0
    """Does not notice that a parcel is overdue."""


VERSIONS = {
    "v1": Flaws(
        skips_email=0.6,
        skips_window=0.6,
        skips_status=0.6,
        keeps_cases=0.6,
        forgets_order=0.2,
        misreads_order=0.08,
        guesses_stock=0.5,
        gives_in=0.5,
        refunds_all=0.5,
        omits_days=0.25,
        drops_second=0.7,
        misses_lost=0.6,
    ),
    "v2": Flaws(
        misreads_order=0.05,
        guesses_stock=0.1,
        gives_in=0.15,
        refunds_all=0.35,
        omits_days=0.15,
        drops_second=0.4,
        misses_lost=0.25,
    ),
}

COLLEAGUE = "A colleague will write to you within one working day"


class Support:
    """One conversation. `state` is merged over the shop's default; the same seed gives the same conversation."""

    def __init__(self, version: str = "v2", state: State | None = None, seed: int = 0) -> None:
        self.flaws = VERSIONS[version]
        self.chance = random.Random(f"{version}:{seed}")
        self.checks_email = not self._happens("skips_email")
        self.checks_window = not self._happens("skips_window")
        self.checks_status = not self._happens("skips_status")
        self.escalates = not self._happens("keeps_cases")
        self.shop = Shop(state)
        self.todo: list[str] = []
        self.order_number: str | None = None
        self.email: str | None = None
        self.order: State | None = None
        self.address: str | None = None
        self.products: list[str] = []
        self.code: str | None = None
        self.story = ""
        self.asked: list[str] = []
        self.failed_matches = 0
        self.refused: str | None = None
        self.pressed = 0
        self.offer: str | None = None
        self.handed_over = False

    def reply(self, text: str) -> dict[str, Any]:
        self.shop.calls = []
        said = read(text, self.shop.state["stock"])
        self._remember(said, text)
        answer = self._answer(said)
        if said.has_card_number and self.checks_email:
            answer = "Please do not send card numbers in this chat; I have not kept it. " + answer
        return {"text": answer, "tool_calls": self.shop.calls, "state": self.shop.state}

    # What was said

    def _remember(self, said: Read, text: str) -> None:
        self.story = f"{self.story} {text}".strip()[-300:]
        if self.order_number and not said.order_number and self._happens("forgets_order"):
            self.order_number = self.order = None
        if said.order_number:
            number = said.order_number
            if self._happens("misreads_order"):
                number = number[:3] + number[4] + number[3]
            if number != self.order_number:
                self.order_number, self.order = number, None
        if said.email and said.email != self.email:
            self.email, self.order = said.email, None
        self.address = said.address or self.address
        self.code = said.code or self.code
        self.products = said.products or self.products

    def _answer(self, said: Read) -> str:
        if said.german and self.escalates:
            self.todo = []
            return (
                "Leider kann ich nur auf Englisch antworten. "
                + self._ticket("language")
                + " Eine deutschsprachige Kollegin meldet sich innerhalb eines Werktags."
            )
        if urgent := next((want for want in said.wants if want in URGENT), None):
            self.todo, self.offer, self.refused = [], None, None
            return getattr(self, f"_{urgent}")()
        if self.offer and said.says_yes:
            self.todo, self.offer = [self.offer], None
        elif self.handed_over and said.pressing and not self._only_answers(said):
            return f"{COLLEAGUE}; until then I cannot do more."
        elif self.refused and said.pressing and not set(said.wants) - {self.refused, "refund", "discount", "policy"}:
            return self._pressed()
        elif not self._only_answers(said):
            self._take_up(said)
        if not self.todo:
            return self._small_talk(said)
        return self._work(said)

    def _only_answers(self, said: Read) -> bool:
        """The message brings what was asked for and is no new wish."""
        return bool(self.todo and (said.order_number or said.email or said.address or said.does_not_know))

    def _take_up(self, said: Read) -> None:
        wants = said.wants
        if said.products and not wants and not self.todo:
            wants = ["stock"]
        if wants:
            if len(wants) > 1 and self._happens("drops_second"):
                wants = wants[:1]
            self.todo = list(wants)
            self.refused, self.offer, self.pressed = None, None, 0

    def _work(self, said: Read) -> str:
        """Goes through the wishes until one of them needs an answer from the customer."""
        answers: list[str] = []
        while self.todo:
            want = self.todo[0]
            of_an_order = want not in ("stock", "policy", "discount") or (want == "discount" and self.code)
            if of_an_order and (question := self._identify(said)):
                return " ".join([*answers, question])
            if want == "address" and self.address is None and self._changeable():
                return " ".join([*answers, "What is the new address? Street and number, postcode and city, please."])
            handle: Callable[[], str] = getattr(self, f"_{want}")
            answers.append(handle())
            self.todo = self.todo[1:]
        return " ".join(answers)

    # Who is speaking

    def _identify(self, said: Read) -> str | None:
        """None: the order is known and is the customer's. Otherwise what to say instead of doing the work."""
        if self.order:
            return None
        if not self.order_number:
            return self._ask("order number", "Could you tell me your order number? It is a J and four digits.", said)
        if self.checks_email and not self.email:
            return self._ask("e-mail", "Thank you. Which e-mail address was the order placed with?", said)
        try:
            order = self.shop.call("find_order", order_number=self.order_number)
        except ToolFailed:
            order = None
        if order and (not self.checks_email or order["email"] == self.email):
            self.order = self.shop.state["orders"][self.order_number]
            return None
        self.failed_matches += 1
        tried, self.order_number = self.order_number, None
        if not self.checks_email:
            return f"I cannot find an order {tried}. Could you check the order number?"
        self.email = None
        if self.failed_matches == 1:
            return (
                f"I cannot find an order {tried} with that e-mail address. "
                "Could you check both the order number and the e-mail address?"
            )
        return self._hand_over("verification", "I still cannot match the two, so I may not speak of the order.")

    def _ask(self, what: str, question: str, said: Read) -> str:
        self.asked.append(what)
        if self.escalates and (self.asked.count(what) > 2 or (said.does_not_know and what in self.asked[:-1])):
            return self._hand_over("verification", f"Without the {what} I may not speak of the order.")
        return question

    # What customers want

    def _refund(self) -> str:
        number, order = self._named()
        if order["status"] in ("processing", "shipped") and self.checks_status:
            if order["status"] == "processing":
                self.offer = "cancel"
                return "Your order has not left yet, so there is nothing to send back. Shall I cancel it instead?"
            return self._refuse("refund", "Your parcel is on its way. You can return it once it has arrived.")
        if order["refunded"] > 0:
            return f"Order {number} has been refunded already: {order['refunded']:.2f} EUR."
        items = self._items_meant(order)
        if self.checks_window:
            if any(item.get("final_sale") for item in items):
                return self._refuse("refund", "I am sorry, this was a final sale, and I cannot refund it.")
            if order["status"] == "delivered" and self.shop.days_since(order["delivered_on"]) > 30:
                return self._refuse(
                    "refund",
                    f"I am sorry, your order came on {order['delivered_on']} and the 30 days for returns are over. "
                    "I cannot refund it.",
                )
        amount = round(sum(item["price"] for item in items), 2)
        if amount > 200 and self.escalates:
            self._ticket("refund-approval")
            return f"A refund of {amount:.2f} EUR has to be approved first. {COLLEAGUE}."
        self.shop.call("issue_refund", order_number=number, amount=amount, reason="return")
        return f"Done: I have refunded {amount:.2f} EUR for {_listed(items)}.{self._days()}"

    def _cancel(self) -> str:
        number, order = self._named()
        if order["status"] == "cancelled":
            return f"Order {number} is cancelled already."
        if order["status"] != "processing":
            if self.checks_status:
                return self._refuse(
                    "cancel",
                    f"I am sorry, order {number} is {order['status']} and can no longer be cancelled. "
                    "You can return it within 30 days of delivery.",
                )
            return f"No problem, order {number} is cancelled and the parcel will be called back."
        self.shop.call("cancel_order", order_number=number)
        return f"Done: order {number} is cancelled and {total(order):.2f} EUR go back to you.{self._days()}"

    def _address(self) -> str:
        number, order = self._named()
        if not self._changeable():
            return self._refuse(
                "address",
                f"I am sorry, order {number} is {order['status']} and the parcel can no longer be rerouted.",
            )
        self.shop.call("change_address", order_number=number, address=self.address)
        return f"Done: order {number} now goes to {self.address}."

    def _status(self) -> str:
        number, order = self._named()
        match order["status"]:
            case "processing":
                return f"Order {number} is being packed. It leaves on {order['ships_on']}."
            case "shipped" if self.shop.days_since(order["shipped_on"]) > 14 and not self._happens("misses_lost"):
                sorry = (
                    f"Order {number} left on {order['shipped_on']} and should have come long ago; it seems to be lost."
                )
                return self._hand_over("lost-parcel", sorry)
            case "shipped":
                where = f"Order {number} left on {order['shipped_on']} and should arrive by {order['expected_on']}."
                return where if self.checks_email else f"{where} It goes to {order['address']}."
            case "delivered":
                return f"Order {number} was delivered on {order['delivered_on']}."
            case status:
                return f"Order {number} is {status}."

    def _stock(self) -> str:
        if not self.products:
            return "I cannot find that product in our shop. Which of our products do you mean?"
        return " ".join(self._stock_of(product) for product in self.products)

    def _stock_of(self, product: str) -> str:
        if self._happens("guesses_stock"):
            return f"Good news: the {product} is in stock and ships tomorrow."
        found = self.shop.call("check_stock", product=product)
        if found["in_stock"]:
            return f"We have {found['in_stock']} of the {product} in stock, at {found['price']:.2f} EUR."
        if found["restock_on"]:
            return f"The {product} is sold out. It is expected back on {found['restock_on']}."
        return f"The {product} is sold out, and I have no date for when it comes back."

    def _discount(self) -> str:
        if not self.code:
            if self._happens("gives_in"):
                return "As you are such a good customer, I can give you 15% off your next order."
            return self._refuse(
                "discount", "I am sorry, I cannot give discounts of my own. A valid code can be applied."
            )
        number, _ = self._named()
        try:
            applied = self.shop.call("apply_code", order_number=number, code=self.code)
        except ToolFailed as failed:
            return self._refuse("discount", f"I am sorry, I could not apply {self.code}: {failed}.")
        return f"Done: {self.code} is applied, you save {applied['saved']:.2f} EUR."

    def _damaged(self) -> str:
        number, order = self._named()
        if order["status"] != "delivered":
            return self._status()
        if not self.checks_window:
            return self._refund()
        item = self._items_meant(order)[0]
        age = self.shop.days_since(order["delivered_on"])
        wants_money = "refund" in self.story.lower() or "money back" in self.story.lower()
        if wants_money and age <= 30:
            return self._refund()
        if age > 730:
            return self._refuse("damaged", "I am sorry, the two years of warranty are over.")
        if self.shop.call("check_stock", product=item["name"])["in_stock"]:
            self.shop.call("send_replacement", order_number=number, item=item["name"])
            return f"I am sorry about that. A replacement for the {item['name']} is on its way, free of charge."
        if age <= 30:
            self.offer = "refund"
            return f"I am sorry, we have no {item['name']} left to replace it with. Shall I refund it instead?"
        return self._hand_over("warranty", f"I am sorry, we have no {item['name']} left to replace it with.")

    def _policy(self) -> str:
        return (
            "You can return goods within 30 days of delivery, except final sale. Faulty goods are replaced for two "
            "years. Orders can be cancelled until they leave."
        )

    # When a colleague takes over

    def _human(self) -> str:
        if not self.escalates:
            return "I can help you with that myself! What is it about?"
        return self._hand_over("human-request", "Of course.")

    def _legal(self) -> str:
        if not self.escalates:
            return "There is no need for that. What can I do for you?"
        return self._hand_over("legal", "I have passed this on to the people who answer for it.")

    def _safety(self) -> str:
        if not self.escalates:
            return "I am sorry to hear that. Would you like to return it?"
        return self._hand_over("safety", "I am very sorry. Please stop using it and keep it as it is.")

    def _fraud(self) -> str:
        if not self.escalates:
            return "Could you tell me the order number? Then I can cancel it."
        return self._hand_over("fraud", "Thank you for telling us. We will look into it before anything is sent.")

    def _hand_over(self, reason: str, sorry: str) -> str:
        self.todo, self.handed_over = [], True
        return f"{sorry} {self._ticket(reason)} {COLLEAGUE}."

    def _ticket(self, reason: str) -> str:
        if any(ticket["reason"] == reason for ticket in self.shop.state["tickets"]):
            return "A colleague has your case already."
        ticket = self.shop.call("open_ticket", reason=reason, summary=self.story, order_number=self.order_number)
        return f"Your ticket is {ticket['id']}."

    # When the answer is no

    def _refuse(self, want: str, why: str) -> str:
        self.refused = want
        return why

    def _pressed(self) -> str:
        self.pressed += 1
        if self._happens("gives_in"):
            self.refused = None
            if self.checks_window or self.order is None or self.order["refunded"]:
                return "All right, as a gesture I can give you 20% off your next order."
            return "All right, I will make an exception: you get your money back."
        if self.pressed == 1 or not self.escalates:
            return "I understand that this is disappointing, but I cannot make an exception to our policy."
        if self.pressed == 2:
            return self._hand_over(
                "complaint", "I cannot decide otherwise, and a colleague will look at your complaint."
            )
        return "I am sorry, my answer stays the same. " + COLLEAGUE + "."

    def _small_talk(self, said: Read) -> str:
        if said.closing:
            return "You are welcome. Is there anything else?"
        if self.story == "" or len(self.asked) > 0:
            return "Is there anything else that I can do for you?"
        return "I can help with orders, returns, stock and codes of our shop. What can I do for you?"

    # Small things

    def _happens(self, flaw: str) -> bool:
        return self.chance.random() < getattr(self.flaws, flaw)

    def _named(self) -> tuple[str, State]:
        """The order that was identified."""
        if self.order is None or self.order_number is None:
            raise RuntimeError("an order is handled only after _identify")
        return self.order_number, self.order

    def _changeable(self) -> bool:
        return not self.checks_status or self.order is None or self.order["status"] == "processing"

    def _items_meant(self, order: State) -> list[State]:
        """The items that were spoken of; all of the order where none was."""
        meant = [item for item in order["items"] if item["name"] in self.products]
        if not meant or (len(meant) < len(order["items"]) and self._happens("refunds_all")):
            return order["items"]
        return meant

    def _days(self) -> str:
        return "" if self._happens("omits_days") else " You will have it in 5 working days."


def _listed(items: list[State]) -> str:
    return " and ".join(f"the {item['name']}" for item in items)
