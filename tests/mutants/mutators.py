"""Small faults on purpose: every place of a file where one could be made.

SQL is scanned by patterns, with Jinja, comments and texts masked; Python by its own
parser, and the SQL in its texts like any other.
"""

import ast
import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

# Of ten mutants that follow each other so many are of each layer.
CYCLE = ("staging", "intermediate", "statistics", "marts", "reports")
CYCLE += ("macros", "macros", "loader", "loader", "loader")
COMPARISONS = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "=": "<>", "<>": "="}
SIGNS = {"+": "-", "-": "+", "*": "/", "/": "*"}
AGGREGATES = {"sum": "max", "max": "min", "min": "max", "avg": "max", "bool_or": "bool_and"}
AGGREGATES |= {"lag": "lead", "lead": "lag"}
# Calls whose first argument would do for a careless reader.
CALLS = "abs|least|greatest|round|floor|ceil|lower|upper|trim|sqrt|ln|exp|nullif"
MASKED = re.compile(
    r"{#.*?#}|{%.*?%}|{{.*?}}|--[^\n]*|/\*.*?\*/|'(?:[^'\n]|'')*'", flags=re.DOTALL
)
# Where a condition or a list of terms ends, unless a closing parenthesis ends it before.
WORDS = "and|or|then|when|else|end|group|order|where|having|select|union|rows|range"
WORDS += "|inner|left|cross|full|limit|filter|as|(?<!distinct )from"
END = rf"\b(?:{WORDS})\b|[;,]"
# Of Python: operators, and what stands for them.
OPERATORS: dict[type[ast.cmpop], str] = {
    ast.Lt: "<=",
    ast.LtE: "<",
    ast.Gt: ">=",
    ast.GtE: ">",
    ast.Eq: "!=",
    ast.NotEq: "==",
    ast.In: "not in",
    ast.NotIn: "in",
    ast.Is: "is not",
    ast.IsNot: "is",
}


@dataclass(frozen=True)
class Change:
    """One fault: what stands at `start` to `end` of a text becomes `new`."""

    kind: str
    start: int
    end: int
    new: str

    def of(self, text: str) -> str:
        """The text with the fault."""
        return text[: self.start] + self.new + text[self.end :]


@dataclass(frozen=True)
class Mutant:
    """A file of the checkout with one fault."""

    layer: str
    file: str
    change: Change
    text: str

    @property
    def line(self) -> int:
        """In which line the fault begins."""
        return self.text.count("\n", 0, self.change.start) + 1

    @property
    def before(self) -> str:
        """The line or lines as they are, blanks aside."""
        return self._lines(self.text, self.change.end)

    @property
    def after(self) -> str:
        """The same with the fault."""
        end = self.change.start + len(self.change.new)
        return self._lines(self.change.of(self.text), end)

    def _lines(self, text: str, end: int) -> str:
        begin = text.rfind("\n", 0, self.change.start) + 1
        return " ".join(text[begin : (text + "\n").index("\n", end)].split())


def draw(root: Path, seed: int) -> Iterator[Mutant]:
    """All mutants of a checkout in an order by the seed: layers and kinds take turns."""
    turns = {layer: _draw_layer(root, layer, seed) for layer in dict.fromkeys(CYCLE)}
    while turns:
        for layer in CYCLE:
            if layer in turns and (mutant := next(turns[layer], None)):
                yield mutant
            else:
                turns.pop(layer, None)


def _draw_layer(root: Path, layer: str, seed: int) -> Iterator[Mutant]:
    if layer == "loader":
        # How pages look is left out: most of their numbers are widths and shades.
        paths = [p for p in root.glob("loaders/**/*.py") if p.parent.name != "pages"]
    else:
        paths = [*root.glob(f"models/{layer}/**/*.sql"), *root.glob(f"{layer}/**/*.sql")]
    kinds: dict[str, list[Mutant]] = defaultdict(list)
    for path in sorted(paths):
        text, name = path.read_text(), str(path.relative_to(root))
        changes = python_changes(text) if layer == "loader" else sql_changes(text)
        for change in dict.fromkeys(changes):
            kinds[change.kind].append(Mutant(layer, name, change, text))
    chance = random.Random(f"{seed} {layer}")
    for kind in sorted(kinds):
        chance.shuffle(kinds[kind])
    order = sorted(kinds)
    chance.shuffle(order)
    while any(kinds.values()):
        drawn = [kinds[kind].pop() for kind in order if kinds[kind]]
        yield from (mutant for mutant in drawn if layer != "loader" or _is_python(mutant))


def _is_python(mutant: Mutant) -> bool:
    try:
        compile(mutant.change.of(mutant.text), mutant.file, "exec")
    except (SyntaxError, ValueError):
        return False
    return True


def sql_changes(text: str) -> Iterator[Change]:
    """Every fault that may be made in a model or macro."""
    masked = MASKED.sub(_mask, text)

    def swap(kind: str, pattern: str, new: Callable[[str], str]) -> Iterator[Change]:
        for found in re.finditer(pattern, masked):
            yield Change(kind, *found.span(), new(found[0]))

    yield from swap("comparison", r"(?<= )(<=|>=|<>|<|>|=)(?=\s)", COMPARISONS.__getitem__)
    yield from swap("join", r"\b(left|inner)(?= join\b)", _other("left", "inner"))
    yield from swap("constant", r"\b(true|false)\b", _other("true", "false"))
    yield from swap("constant", r"(?<![\w.(])\d+(?![\w.])", lambda n: str(int(n) + 1))
    yield from swap("constant", r"(?<![\w.])\d+(?=e\d)", lambda n: str(int(n) + 1))
    yield from swap("sign", r"(?<=[\w)] )[-+*/](?= (?!from\b)[\w(])", SIGNS.__getitem__)
    yield from swap("predicate", r"\bnot (?!materialized|exists)", lambda _: "")
    yield from swap("aggregate", r"\bcount\(distinct ", lambda _: "count(")
    names = "|".join(AGGREGATES)
    yield from swap("aggregate", rf"\b({names})(?=\()", AGGREGATES.__getitem__)
    for found in re.finditer(rf"\b(coalesce|{CALLS})\(", masked):
        first, *_, end = _terms(masked, found.end(), r"[;,]")
        kind = "coalesce" if found[1] == "coalesce" else "dropped call"
        yield Change(kind, found.start(), end[1] + 1, f"({text[slice(*first)].strip()})")
    for found in re.finditer(r"\b(partition|order) by\b", masked):
        terms = _terms(masked, found.end(), END)[:-1]
        start, stop = terms[0]
        if found[1] == "partition":
            start = terms[-2][1] if terms[1:] else found.start()
            yield Change("partition", start, _rstrip(masked, *terms[-1]), "")
        # Rows of a table have no order: one of a statement changes nothing.
        elif "select" not in _opened(masked[:start]):
            stop = _rstrip(masked, start, stop)
            term, nulls, rest = text[start:stop].partition(" nulls ")
            new = term.removesuffix(" asc") + " desc"
            if term.endswith(" desc"):
                new = term.removesuffix(" desc")
            yield Change("order", start, stop, new + nulls + rest)
    for found in re.finditer(r"\bin \((?=[^()]*,)", masked):
        terms = _terms(masked, found.end(), ",")[:-1]
        yield Change("predicate", terms[-2][1], terms[-1][1], "")
    for found in re.finditer(r"\b(where|having|and)\b", masked):
        if re.search(
            r"\bbetween\b(?!.*\band\b)", masked[: found.start()][-200:], re.DOTALL
        ):
            continue
        end = END if found[1] == "and" else END.replace("and|or|", "").replace("|[;,]", "")
        ((start, stop), *_) = _terms(masked, found.end(), end, is_one=True)
        stop = _rstrip(masked, start, stop)
        new = "" if found[1] == "and" else f"{found[1]} true"
        yield Change("predicate", found.start(), stop, new)


def _mask(found: re.Match[str]) -> str:
    """What no pattern is to look into, of the same length: a word, or blanks."""
    is_word = found[0][0] == "'" or (found[0][:2] == "{{" and "config(" not in found[0])
    return re.sub(r"[^\n]", "_" if is_word else " ", found[0])


def _other(one: str, two: str) -> Callable[[str], str]:
    return lambda found: two if found == one else one


def _rstrip(masked: str, start: int, stop: int) -> int:
    """Where a term ends, blanks aside."""
    return start + len(masked[start:stop].rstrip())


def _opened(masked: str) -> str:
    """What stands in the innermost parentheses that are open at the end of a text."""
    depth = 0
    for position in range(len(masked) - 1, -1, -1):
        depth += {"(": -1, ")": 1}.get(masked[position], 0)
        if depth < 0:
            return masked[position:]
    return masked


def _terms(
    masked: str, start: int, end: str, *, is_one: bool = False
) -> list[tuple[int, int]]:
    """Where the terms of a list begin and end; last, as an empty term, where it ends."""
    depth, began, terms, position = 0, start, [], start
    for found in re.compile(rf"[()]|{end}").finditer(masked, start):
        position = found.start()
        depth += {"(": 1, ")": -1}.get(found[0], 0)
        if depth < 0 or (
            depth == 0 and found[0] not in "()" and (is_one or found[0] != ",")
        ):
            break
        if depth == 0 and found[0] == ",":
            terms.append((began, position))
            began = position + 1
    else:
        position = len(masked)
    return [*terms, (began, position), (position, position)]


def python_changes(text: str) -> Iterator[Change]:
    """Every fault that may be made in a module."""
    lines = text.splitlines(keepends=True)
    begins = [0]
    for line in lines:
        begins.append(begins[-1] + len(line))

    def span(node: ast.AST) -> tuple[int, int]:
        """Where a node stands in the text; Python counts bytes of lines."""
        places = ((node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset))
        start, end = (
            begins[row - 1] + len(lines[row - 1].encode()[:column].decode())
            for row, column in places
        )
        return start, end

    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Compare(left=left, ops=[operator], comparators=[right]):
                new = f" {OPERATORS[type(operator)]} "
                yield Change("comparison", span(left)[1], span(right)[0], new)
            case ast.BoolOp(op=ast.And(), values=[*_, last, dropped]):
                yield Change("predicate", span(last)[1], span(dropped)[1], "")
            case ast.BoolOp(op=ast.Or(), values=[first, *_, last]):
                yield Change("coalesce", span(first)[1], span(last)[1], "")
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                yield Change("predicate", span(node)[0], span(operand)[0], "")
            case ast.comprehension(ifs=[*_, last]):
                yield Change("predicate", *span(last), "True")
            case ast.Call(func=ast.Name(id="sorted" | "min" | "max" as name)):
                other = {"sorted": "list", "min": "max", "max": "min"}[name]
                start = span(node.func)
                kept = span(node)[1] if name != "sorted" else None
                if kept or not node.keywords:
                    yield Change("order", *start, other)
            case ast.Call(func=ast.Attribute(attr="get"), args=[first, second]):
                yield Change("coalesce", span(first)[1], span(second)[1], "")
            case ast.Expr(value=ast.Call()):
                yield Change("dropped call", *span(node), "...")
            case ast.Call(func=ast.Attribute(value=value), args=[], keywords=[]):
                yield Change("dropped call", *span(node), text[slice(*span(value))])
            case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as operator, right=right):
                new = " - " if isinstance(operator, ast.Add) else " + "
                yield Change("sign", span(left)[1], span(right)[0], new)
            case ast.Constant(value=bool() | int() as value) if value is not None:
                new = str(not value) if isinstance(value, bool) else str(value + 1)
                yield Change("constant", *span(node), new)
            case ast.Constant(value=str()) | ast.JoinedStr():
                start, end = span(node)
                if re.search(r"\bselect\b.*\bfrom\b", text[start:end], flags=re.DOTALL):
                    for inner in sql_changes(text[start:end].rstrip('"')):
                        ends = (start + inner.start, start + inner.end)
                        yield Change(inner.kind, *ends, inner.new)
