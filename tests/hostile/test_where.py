"""An odd condition selects points or rows, or is rejected with one message."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from hostile.attack import Case, Ground, assert_withstood
from hostile.finished_run import JOB, finished_run, run_of
from hostile.odd_values import TEXTS

SEED = 11
FEW, MANY = 24, 2400
SHARE_ROWS = 4
"""One in this number of conditions is also tried on the rows of results and on runs."""

NAMES = (
    "a", "b", "c", "d", "e", "f", "A", "period", "é", "ａ", "__import__", "True", "None", "true",
    "self", "_", "a\u0301", "param_a", "symbol", "task", "status", "total_return", "rows", "ª",
)  # fmt: skip
NUMBERS = (
    "0", "1", "2", "-1", "0.5", "1e308", "1e309", "1e-320", "9223372036854775807",
    "9223372036854775808", "9" * 300, "9" * 4999, "0x7fffffffffffffff", "0b1", "1_0", "1j", "01",
    "1.", ".5", "...", "nan", "inf", "١", "4611686018427387904", "9007199254740993", "3037000500",
)  # fmt: skip
STRINGS = (
    "'x'", '"y"', "''", "b'x'", "f'{a}'", "f'{a!r:>{b}}'", "f'{(lambda: 1)()}'", "u'x'", "r'\\'",
    "'x' 'y'", "'" + "x" * 500 + "'", "'\\N{BULLET}'", "'\\ud800'", "'''x\ny'''", "'x", "'\\x4'",
    "'é'",
)  # fmt: skip
OPERATORS = (
    "+", "-", "*", "/", "//", "%", "**", "<<", ">>", "&", "|", "^", "@", "<", "<=", "==", "!=", ">",
    ">=", "in", "not in", "is", "is not", "and", "or", ":=", "=", ",", ";", "<>", "if", "for", ".",
    "->", "::", "||", "!",
)  # fmt: skip
BOMBS = (
    "9**9**9**9", "1<<10**9", "1<<1<<1<<40", "'x'*10**10", "'x'*a*10**9", "(1,)*10**9",
    "[0]*10**10", "10**10**10 > 1",
    "a.__class__.__mro__", "a.real", "().__class__", "d.upper() == 'X'",
    "__import__('os').system('true')", "open('x')",
    "[x for x in (1,2)]", "{x: 1 for x in a}", "(x for x in a)", "lambda: 1", "(yield)", "await a",
    "a if b else c",
    "a[0] == 1", "a[1:2]", "*a", "**a", "a(*b)", "(a := 5) > 1", "print(a)", "exec('a')", "{1, 2}",
    "{}", "[]", "()",
    "a in ()", "a in []", "a in (1)", "a in 1", "a in (1,)", "a in d", "a in (a, b)",
    "a in ((1, 2), 3)", "d in ('x', 1)",
    "a in [1, [2]]", "1 in (a,) in (b,)", "not in", "a not in (1,) not in (2,)", "a < b < a < b",
    "a == d", "a + d",
    "-d", "not a", "a and b", "c and a", "not c", "c == true", "c == 1", "a == 1.0", "f == 1",
    "e == 1", "e", "a", "d",
    "a % 0 == 0", "a // 0", "a / 0", "a and 1/0", "a > 0 or a / 0 > 1",
    "a * 9223372036854775807 > 1", "-9223372036854775808",
    "a - -9223372036854775807", "b * 1e308 * 10 > 0", "b % 1e-320 > 0", "a // 0.1",
    "1e308 // 1e-308", "-0.0 == 0",
    "a == 1 # comment", "a == 1\n", "\na == 1", "(a\n==\n1)", "a ==\\\n1", "a\x00== 1", "\x00", "",
    " ", "\t", "\n", "#", "\ufeffa == 1",
    "a\u00a0== 1", "a == 1\u2028", "a == 1\x0c", "a＝1", "a ≤ 1", "(" * 30 + "a == 1" + ")" * 30,
    "(" * 199 + "a" + ")" * 199,
    "(" * 480 + "a" + ")" * 480, "[" * 100 + "]" * 100, "not " * 49 + "c", "not " * 240 + "c",
    "-" * 49 + "a > 0", "-" * 900 + "a",
    "~" * 100 + "a", "+" * 100 + "a > 0", "a" + "+a" * 400 + " > 0", "a" + "<a" * 400,
    "a == 1" + " or a == 1" * 95,
    "a in (" + "1," * 450 + ")", "a" + ".a" * 400, "a" + "()" * 400, "a" + "[0]" * 300,
    "a" + "**a" * 300, "a if " * 150 + "a",
    "lambda:" * 130 + "a", "{" * 90 + "1" + "}" * 90, "f'{" * 90, "(a," * 300,
    "a == 1 " + " " * 990, "x" * 1001, "a" * 999 + "=1",
    "'" + "a" * 2000 + "' == d", "%s", "{a}", "$a", "`a`", "a?", "a!", "@a", "a == 'x' 'y'",
    "1 < 2", "true", "false", "not true",
    "1 == 1", "'x' == 'x'", "'a' < 'b' < 'c'", "0 < 1 < 2", "1/0 > 1", "true or 1/0 > 1",
    "false and 1/0 > 1", "1", "'x'", "None",
)  # fmt: skip
SQL = (
    "1=1", "1; drop table rows", "status = 'ok' --", "/* */ true", "a in (select 1)",
    "exists (select 1)", "repeat('x', 10) = ''",
    "read_text('/etc/passwd') = ''", "getenv('HOME') = ''", "1/0 = 1", "cast('x' as int) = 1",
    "error('x')", "(select 1)", "?", "$1",
    "true) or (true", "true union select 1", "rows", "\"no such\" = 1", "'", '"', "--", "/*",
    "null", "", ";", "true;", "count(*) > 1",
    "row_number() over () = 1", "regexp_matches(symbol, '(a+)+$')", "regexp_matches(symbol, '(')",
    "symbol like '%'", "1e400 > 1",
    "9223372036854775808 > 1", "'x'::int = 1", "struct_pack(a := 1) = 1", "[1] = [1]",
    "lambda x: x", "interval 1 year > 1",
)  # fmt: skip


VALUES = ("a", "b", "c", "d", "1", "2", "0.5", "0", "'x'", "true", "9223372036854775807", "1e308")
FORMS = {
    "(§) OP (§)": 8, "§ < §": 6, "§ == §": 6, "§ and §": 6, "§ or §": 6, "not §": 4, "-§": 2,
    "§ in (§, §)": 4, "§ < § <= §": 3, "§ + §": 3, "§ * §": 3,
}  # fmt: skip
ODD_FORMS = ("§ OP §", "(§) OP (§)", "BOMB", "BOMB", "§(§)", "§[§]", "§.§", "~§", "§ OP")
"""Forms of expressions, where a section sign is an expression, with how common each is."""


def expression(chance: random.Random, odd: float, depth: int = 0) -> str:
    """Return an expression of the grammar; `odd` is the share of parts that are outside of it."""
    is_odd = chance.random() < odd
    if depth > 4 or chance.random() < 0.3:
        return chance.choice(NAMES + NUMBERS + STRINGS if is_odd else VALUES)
    (form,) = chance.choices(list(FORMS), list(FORMS.values()))
    if is_odd:
        form = chance.choice(ODD_FORMS)
    operator = chance.choice(OPERATORS if is_odd else "+-*/%<>")
    filled = form.replace("OP", operator).replace("BOMB", chance.choice(BOMBS))
    first, *rest = filled.split("§")
    return first + "".join(expression(chance, odd, depth + 1) + part for part in rest)


def condition(number: int, chance: random.Random) -> str:
    if number < len(BOMBS):
        return BOMBS[number]
    text = expression(chance, chance.choice((0, 0, 0.05, 0.3)))
    if chance.random() < 0.2:
        at = chance.randrange(len(text) + 1)
        odd = chance.choice((chr(chance.randrange(0xD800)), chance.choice(TEXTS)[:400], ""))
        text = text[:at] + odd + text[at + chance.randrange(3) :]
    return text


def case_of_points(number: int, template: Path) -> Case:
    text = condition(number, random.Random(f"{SEED} {number}"))
    job = JOB + json.dumps(text, ensure_ascii=False)
    return Case(
        f"condition {number}",
        ("run", "job.toml", "--dry-run"),
        files={"job.toml": job.encode()},
        template=template,
    )


def cases_of_rows(number: int, template: Path) -> Iterator[Case]:
    """Yield the case of a condition on the rows of results, and on the runs of a store."""
    chance = random.Random(f"{SEED} rows {number}")
    text = SQL[number] if number < len(SQL) else condition(number, chance)
    text = text.replace("\0", " ")
    for command in (("results", run_of(template)), ("runs",)):
        yield Case(f"{command[0]} {number}", (*command, "--where", text), template=template)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finished_run(tmp_path_factory.mktemp("where") / "template")


def attack_with(count: int, folder: Path, template: Path) -> None:
    rows = range(count // SHARE_ROWS)
    cases = [case_of_points(number, template) for number in range(count)]
    cases += [case for number in rows for case in cases_of_rows(number, template)]
    preload = ["backfleet.job.model", "backfleet.plan.plan", "backfleet.cli.dry_run"]
    # SQL runs in a process of its own.
    ground = Ground(folder / "ground", preload=preload, effects=("start", "signal"))
    outcomes = assert_withstood(cases, ground)
    assert sum(outcome.code == 0 for outcome in outcomes) > count / 50


def test_odd_conditions_select_or_are_rejected(tmp_path: Path, template: Path) -> None:
    attack_with(FEW, tmp_path, template)


@pytest.mark.exhaustive
def test_many_odd_conditions_select_or_are_rejected(tmp_path: Path, template: Path) -> None:
    attack_with(MANY, tmp_path, template)
