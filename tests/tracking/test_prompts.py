from assay.tracking import Tracking, connect, prompt

NAME = "assay.judge"


def test_the_packaged_text_is_registered_once(t: Tracking, store_uri: str) -> None:
    first = prompt(t, NAME, "Rule on {{conversation}}.")
    assert (first.text, first.version, first.uri) == ("Rule on {{conversation}}.", 1, "prompts:/assay.judge/1")
    assert prompt(connect(store_uri), NAME, "Rule on {{conversation}}.") == first


def test_a_new_package_registers_its_new_text(t: Tracking) -> None:
    prompt(t, NAME, "Old {{x}}.")
    assert (prompt(t, NAME, "New {{x}}.").text, prompt(t, NAME, "New {{x}}.").version) == ("New {{x}}.", 2)


def test_the_version_that_a_user_set_wins(t: Tracking) -> None:
    prompt(t, NAME, "Packaged.")
    mine = t.client.register_prompt(NAME, "Mine.")
    assert prompt(t, NAME, "Packaged.").text == "Packaged."
    t.client.set_prompt_alias(NAME, "production", mine.version)
    assert (prompt(t, NAME, "Packaged.").text, prompt(t, NAME, "Newer package.").version) == ("Mine.", 2)
    t.client.delete_prompt_alias(NAME, "production")
    assert prompt(t, NAME, "Packaged.").version == 1
