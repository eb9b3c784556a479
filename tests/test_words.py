"""Texts that people read are in plain English: phrases that must not come back."""

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterator

import click
import pytest
import yaml

from loaders.cli.main import main
from loaders.config.paths import PROJECT as ROOT
from tests.faults import IDS

# Each with what to write instead; a blank stands for any white space.
BANNED = {
    r"\banew\b": "again, or: from scratch",
    r"\bto and fro\b": "forward and back",
    r"\bof late\b(?! closes)": "recently, or: late",
    r"\bof before\b": "earlier ...",
    r"\bby (your|somebody's|whose) word\b": "accepted by a person",
    r"\bdealt with\b": "processed",
    r"\b(speaks?|spoke) for\b": "describes, covers; its as-of",
    r"\b(tells?|told|telling) of\b": "describes, has, records",
    r"\b(tells?|tell|told) ([a-z]+ ){0,3}apart\b": "distinguish, identify, group",
    r"\b(lets?|leads?) ([a-z]+ ){0,2}(to )?expect\b": "expected from ...",
    r"\bas far as ([a-z]+ ){1,3}tell\b": "inferred from ...",
    r"\b(files?|lists?|deliver(y|ies)|data|sales|columns?|rows?|ledger|models?|feeds?) "
    r"(says?|said|tells?|told)\b": "has, gives, states, shows",
    r"\bof what (a|an|it|the|they|is|was|has|came)\b": "a noun before its relative clause",
    r"(^|[.:] )(Held|Judged|Noted|Hashed|Not seen|Current|Late) (means|are|is|was)\b": (
        "subject first: ... is held"
    ),
    r"(so that|and|but|or|,|;|:) who (has|lands|names|writes|reads|opens|sends|knows)\b": (
        "a person who ..."
    ),
    r"\bis no (CSV|URL|key|number|gzip|regular|text|header|date|size|pattern|member)\b": (
        "is not a ..."
    ),
    r"\bin turn said\b|\bsaid of (it|them)\b|\bnobody can (say|tell)\b": "is unknown",
    r"\bwhoever\b": "the person or process that ...",
    r"\bby somebody's word\b|\bwait for somebody\b": "accepted, withdrawn by a person",
    r"\b(told|tell|tells) otherwise\b": "changed",
    r"\breckon(s|ed|ing)?\b": "calculate",
    r"\b(that|which) nobody has (described|told|said)\b": "without a description",
    r"\bnothing is known of\b|\bnothing can be (told|said)\b": "... is unknown",
    r"\bas they may (tell|say)\b|\bmay tell on\b": "may affect",
    r"\bthan (ever of late|those of before)\b": "than any recent ...",
    r"\b(reckon(s|ed)?|mended|understates)\b": "calculate, correct, is too low",
}
ANSWERS = ROOT / "loaders" / "insights" / "answers.yml"
SPANNING = re.MULTILINE | re.DOTALL
# Written by commands from texts that are elsewhere, and compared with them.
GENERATED = {"answers.md", "answers_real.md", "reliability.md"}

Text = tuple[str, int, str]


def documents() -> Iterator[Text]:
    """Guides and decisions, settings, targets; not tables of tests, nor code in them."""
    names = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "Makefile")
    files = [ROOT / name for name in (*names, "loaders/feeds.yml")]
    for folder in ("docs", "models", "macros", ".github"):
        files += sorted((ROOT / folder).rglob("*.md"))
    files += sorted((ROOT / ".github").rglob("*.yml"))
    for file in files:
        if file.name not in GENERATED:
            text = file.read_text().partition("## Threats, and the tests")[0]
            blanked = re.sub(
                r"```.*?```", lambda m: "\n" * m[0].count("\n"), text, flags=re.DOTALL
            )
            yield str(file.relative_to(ROOT)), 1, blanked


def descriptions() -> Iterator[Text]:
    """Descriptions in the YAML of models, metrics and seeds."""
    files = [*(ROOT / "models").rglob("*.yml"), *(ROOT / "seeds").rglob("*.yml")]
    for file in sorted(files):
        nodes = [yaml.compose(file.read_text(), Loader=yaml.CSafeLoader)]
        while nodes:
            node = nodes.pop()
            if isinstance(node, yaml.SequenceNode):
                nodes += node.value
            elif isinstance(node, yaml.MappingNode):
                for key, value in node.value:
                    nodes.append(value)
                    if key.value == "description":
                        place = str(file.relative_to(ROOT))
                        yield place, value.start_mark.line + 1, value.value


def helps() -> Iterator[Text]:
    """What `--help` prints for each command."""
    commands: list[tuple[str, click.Command]] = [("eventmart", main)]
    while commands:
        name, command = commands.pop()
        yield f"{name} --help", 1, command.get_help(click.Context(command, info_name=name))
        if isinstance(command, click.Group):
            commands += [(f"{name} {of}", one) for of, one in command.commands.items()]


def messages() -> Iterator[Text]:
    """Texts in the loader's code: messages, options, statements; not docstrings."""
    for file in sorted((ROOT / "loaders").rglob("*.py")):
        place, seen = str(file.relative_to(ROOT)), set[ast.AST]()
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Expr):
                seen.add(node.value)
            elif isinstance(node, ast.JoinedStr):
                seen.update(node.values)
                parts = (getattr(value, "value", "") for value in node.values)
                words = (part if isinstance(part, str) else "..." for part in parts)
                yield place, node.lineno, "".join(words)
            elif isinstance(node, ast.Constant) and node not in seen:
                yield place, node.lineno, str(node.value)


def found_in(texts: Iterator[Text]) -> list[str]:
    """Where phrases are that must not come back, with what to write instead."""
    patterns = {
        re.compile(phrase.replace(" ", r"\s+"), re.IGNORECASE | re.MULTILINE): instead
        for phrase, instead in BANNED.items()
    }
    return [
        f"{place}:{line + text.count(chr(10), 0, match.start())}: "
        f"{' '.join(match[0].split())!r}; rather: {instead}"
        for place, line, text in texts
        for pattern, instead in patterns.items()
        for match in pattern.finditer(text)
    ]


def comments() -> Iterator[Text]:
    """Docstrings and comments of Python, comments of queries and models, of macros too."""
    for folder in ("loaders", "demo", "benchmarks"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            place, text = str(file.relative_to(ROOT)), file.read_text()
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                    yield place, node.lineno, str(node.value.value)
            for token in tokenize.generate_tokens(io.StringIO(text).readline):
                if token.type == tokenize.COMMENT:
                    yield place, token.start[0], token.string
    for folder in ("analyses", "models", "macros"):
        for file in sorted((ROOT / folder).rglob("*.sql")):
            place, text = str(file.relative_to(ROOT)), file.read_text()
            for match in re.finditer(r"(?:^ *--[^\n]*\n)+|\{#.*?#\}", text, SPANNING):
                line = text.count("\n", 0, match.start()) + 1
                yield place, line, re.sub(r"^ *--", "", match[0], flags=re.MULTILINE)


def answers() -> Iterator[Text]:
    """Sentences, caveats and questions of `eventmart answers`, and names of faults."""
    nodes = [yaml.compose(ANSWERS.read_text(), Loader=yaml.CSafeLoader)]
    while nodes:
        node = nodes.pop()
        if isinstance(node, yaml.ScalarNode):
            yield str(ANSWERS.relative_to(ROOT)), node.start_mark.line + 1, node.value
        elif isinstance(node, yaml.SequenceNode):
            nodes += node.value
        elif isinstance(node, yaml.MappingNode):
            nodes += [value for _, value in node.value]
    for name, text in IDS.items():
        yield f"tests/faults.py, {name}", 1, text


@pytest.mark.parametrize(
    "texts", [documents, descriptions, helps, messages, comments, answers]
)
def test_texts_are_in_plain_english(texts: Callable[[], Iterator[Text]]) -> None:
    assert found_in(texts()) == []


def test_a_phrase_is_found_over_line_ends_and_named_with_its_line() -> None:
    text = "All is well.\nRows are built\nanew where nobody can\n  tell them apart."
    assert found_in(iter([("x.md", 10, text)])) == [
        "x.md:12: 'anew'; rather: again, or: from scratch",
        "x.md:13: 'tell them apart'; rather: distinguish, identify, group",
        "x.md:12: 'nobody can tell'; rather: is unknown",
    ]
