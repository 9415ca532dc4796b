"""Texts about the same thing find each other, whatever their order and number."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.evaluation import similarity
from assay.evaluation.similarity import grouped, stem, tf_idf, words

REFUNDS = ["The agent refunds the price of the boots.", "It refunds the price of the jacket.", "A price is refunded."]
TICKETS = ["The agent opens a ticket.", "The agent opened the ticket `fraud`."]


def same(labels: list[int]) -> list[set[int]]:
    return sorted(({i for i, label in enumerate(labels) if label == one} for one in set(labels)), key=min)


def test_texts_about_the_same_thing_share_a_group():
    assert same(grouped([*REFUNDS, *TICKETS])) == [{0, 1, 2}, {3, 4}]


@pytest.mark.parametrize(
    "forms",
    [
        ("refund", "refunds", "refunded", "refunding"),
        ("cancel", "cancels", "cancelled", "cancelling"),
        ("charge", "charges", "charged", "charging"),
        ("policy", "policies"),
        ("ship", "ships", "shipped", "shipping"),
        ("address", "addresses"),
    ],
)
def test_the_forms_of_a_word_share_a_stem(forms):
    assert len({stem(form) for form in forms}) == 1


def test_words_that_say_nothing_do_not_count():
    assert words("What did the agent say to the customer?") == []
    assert words("The chat is slow", without={"chat"}) == ["slow"]


def test_texts_without_spaces_are_compared_too():
    assert same(grouped(["发票在哪里", "发票在哪", "礼品卡无效"])) == [{0, 1}, {2}]


def test_what_is_labelled_alike_joins_sooner_and_what_is_labelled_otherwise_later():
    texts = ["Nobody answers my invoice question", "The invoice lacks a number", "Gift cards fail"]
    assert same(grouped(texts, alike=0.3)) == [{0}, {1}, {2}]
    assert same(grouped(texts, alike=0.3, labels=["invoices", "invoices", None])) == [{0, 1}, {2}]
    assert same(grouped(["The invoice fails"] * 2, alike=0.95, labels=["invoices", "gifts"])) == [{0}, {1}]


def test_a_label_alone_joins_nothing():
    assert same(grouped(["Slow answers", "Rude words"], alike=0.22, labels=["chat", "chat"])) == [{0}, {1}]


@given(st.lists(st.text("abc de", max_size=12), max_size=12), st.randoms(use_true_random=False))
def test_groups_are_the_same_in_any_order(texts: list[str], rng: random.Random):
    order = list(range(len(texts)))
    rng.shuffle(order)
    # ties between equally alike texts may fall either way, but one text said twice is always one thing
    labels = grouped([texts[place] for place in order])
    assert len(labels) == len(texts)
    for one in range(len(order)):
        for other in range(len(order)):
            if texts[order[one]] == texts[order[other]]:
                assert labels[one] == labels[other]
    assert sorted(set(labels)) == list(range(len(set(labels))))
    assert grouped(texts) == grouped(texts)


def test_vectors_have_unit_length_and_texts_without_words_have_none():
    lengths = np.linalg.norm(tf_idf(["a refund for boots", "the"]), axis=1)
    assert lengths == pytest.approx([1, 0])


def test_the_rest_of_many_texts_joins_the_groups_that_the_first_ones_form(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(similarity, "AT_ONCE", 5)
    texts = [
        *REFUNDS,
        *TICKETS,
        "The agent refunds the full price.",
        "Parcel lost in the rain.",
        "The ticket is opened.",
    ]
    assert same(grouped(texts)) == [{0, 1, 2, 5}, {3, 4, 7}, {6}]


def test_planted_kinds_are_found_again_among_thousands_of_texts():
    rng = random.Random(0)
    letters = "abcdefghijklmnopqrstuvwxyz"
    vocabulary = ["".join(rng.choices(letters, k=9)) for _ in range(600)]
    kinds = [rng.sample(vocabulary, 6) for _ in range(20)]
    truth = [rng.randrange(20) for _ in range(4000)]
    texts = [" ".join([*rng.sample(kinds[kind], 5), rng.choice(vocabulary)]) for kind in truth]
    labels = grouped(texts)
    together = [(truth[i] == truth[j], labels[i] == labels[j]) for i in range(0, 4000, 37) for j in range(0, 4000, 41)]
    joined = [found for planted, found in together if planted]
    mixed = [found for planted, found in together if not planted]
    assert sum(joined) / len(joined) > 0.9
    assert sum(mixed) / len(mixed) < 0.01
