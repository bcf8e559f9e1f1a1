"""The widget's sources can be joined as they are served, and do nothing that a strict page forbids."""

import re

import pytest

from api import widget_script
from api.widget_script import ORDER, SOURCES

MODULES = {name: (SOURCES / f"{name}.js").read_text() for name in ORDER}
IMPORTED = re.compile(r'^import \{([^}]*)\} from "\./(\w+)\.js";$', re.MULTILINE)
DECLARED = re.compile(r"^(?:export )?(?:async )?(?:const|let|function|class) (\w+)", re.MULTILINE)
EXPORTED = re.compile(r"^export (?:async )?(?:const|function|class) (\w+)", re.MULTILINE)
# Ways for a text to become a program, an element or a style.
FORBIDDEN = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|\.style\b|cssText|createContextualFragment"
)


def test_every_source_is_served() -> None:
    assert {path.stem for path in SOURCES.iterdir()} == set(ORDER)


@pytest.mark.parametrize("name", ORDER)
def test_a_source_uses_only_what_stands_before_it(name: str) -> None:
    before = ORDER[: ORDER.index(name)]
    for names, source in IMPORTED.findall(MODULES[name]):
        assert source in before
        assert {each.strip() for each in names.split(",")} <= set(EXPORTED.findall(MODULES[source]))
    assert MODULES[name].count("\nimport ") + MODULES[name].startswith("import ") == len(
        IMPORTED.findall(MODULES[name])
    )


def test_no_two_sources_declare_the_same_name() -> None:
    names = [found for text in MODULES.values() for found in DECLARED.findall(text)]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("name", ORDER)
def test_no_text_becomes_anything_else(name: str) -> None:
    assert FORBIDDEN.findall(MODULES[name]) == []


def test_every_language_has_every_text() -> None:
    blocks = re.findall(r"^  (\w\w): \{\n(.*?)^  \},", MODULES["texts"], re.MULTILINE | re.DOTALL)
    keys = {language: re.findall(r"^    (\w+):", block, re.MULTILINE) for language, block in blocks}
    assert keys.keys() == {"en", "ru", "kk"}
    assert keys["en"] == keys["ru"] == keys["kk"]
    assert len(keys["en"]) > 20


def test_the_script_holds_its_sources_and_is_small() -> None:
    built = widget_script.built()
    assert not re.search(r"^(?:import|export) ", built.plain.decode(), re.MULTILINE)
    assert len(built.zipped) < 30_000
