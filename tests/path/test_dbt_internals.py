"""What macros/state/ and macros/overrides/ need of dbt and no document of dbt promises.

A little project is built by the installed dbt, and says what it finds of each. A test that
fails here names the part of the machinery that a newer dbt has broken.
"""

import json
from pathlib import Path

import pytest
from dbt.cli.main import dbtRunner

PROJECT = """
name: canary
version: 0.1.0
profile: canary
flags: {send_anonymous_usage_stats: false}
models: {canary: {+post-hook: "{{ after() }}"}}
on-run-end: "{{ ended(results) }}"
"""
PROFILE = "canary: {target: dev, outputs: {dev: {type: duckdb, path: canary.duckdb}}}\n"
MODEL = "{{ config(materialized='table') }}\nselect {{ helper() }} as id\n"
MODELS = """
models:
  - name: counted
    columns: [{name: id, data_tests: [unique]}]
"""
MACROS = """
{% macro say(name, value) %}{% do print('canary ' ~ tojson([name, value])) %}{% endmacro %}

{% macro helper() %}1{% endmacro %}

{% macro wrapped(materialize) %}
    {% do say('cached relation', load_cached_relation(this) is none) %}
    {% do context.update({'noted': 'once'}) %}
    {% do store_raw_result('own', message='m', code='C', rows_affected=7) %}
    {% do say('own result', load_result('own').response.rows_affected) %}
    {% set called = graph.nodes[model.unique_id].depends_on.macros %}
    {% do say('macros of a model', 'macro.canary.helper' in called) %}
    {% set helper = context['canary']['helper'].macro %}
    {% do say('text of a macro', 'helper' in helper.macro_sql) %}
    {% do say('file of a macro', helper.original_file_path) %}
    {% do say('code as compiled', 'as id' in model.compiled_code) %}
    {% do say('code as written', 'helper()' in model.raw_code) %}
    {% do say('regular expressions', modules.re.findall("var", "var a var") | length) %}
    {{ return(materialize()) }}
{% endmacro %}

{% materialization table, adapter='duckdb' %}
    {{ return(wrapped(dbt.materialization_table_duckdb)) }}
{% endmaterialization %}
{% materialization view, adapter='duckdb' %}
    {{ return(wrapped(dbt.materialization_view_default)) }}
{% endmaterialization %}

{% macro get_where_subquery(relation) %}
    {% do say('test of a model', graph.nodes[model.unique_id].attached_node) %}
    {% do say('name of a test', model.test_metadata.name) %}
    {{ return(relation) }}
{% endmacro %}

{% macro after() %}
    {% if execute %}{% do say('note in the context', context.get('noted')) %}{% endif %}
    select 1
{% endmacro %}

{% macro ended(results) %}
    {% if execute %}
    {% for result in results %}
        {% do say('status of a ' ~ result.node.resource_type, result.status | string) %}
    {% endfor %}
    {% do say('versions', dbt_version is string and invocation_id is string) %}
    {% do say('command', flags.WHICH) %}
    {% endif %}
    select 1
{% endmacro %}
"""


@pytest.fixture(scope="module")
def found(
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, list[object]]:
    """What the little project says, by name."""
    home = tmp_path_factory.mktemp("canary")
    (home / "models").mkdir()
    (home / "macros").mkdir()
    for name, text in {
        "dbt_project.yml": PROJECT,
        "profiles.yml": PROFILE,
        "models/counted.sql": MODEL,
        "models/models.yml": MODELS,
        "macros/canary.sql": MACROS,
    }.items():
        (home / name).write_text(text)
    said: dict[str, list[object]] = {}

    def listen(event: object) -> None:
        text = str(getattr(event, "info", event).msg)
        if text.startswith("canary "):
            name, value = json.loads(text.removeprefix("canary "))
            said.setdefault(name, []).append(value)

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        done = dbtRunner(callbacks=[listen]).invoke(
            ["build", "--project-dir", str(home), "--profiles-dir", str(home)]
        )
    assert done.success, done.exception
    return said


@pytest.mark.parametrize(
    ("name", "value", "who"),
    [
        ("cached relation", True, "build_if_changed: whether a relation is there"),
        ("own result", 7, "n_rows_written: results that a macro stores itself"),
        ("note in the context", "once", "held_states: asked once for a model"),
        ("macros of a model", True, "model_definition: which macros a model calls"),
        ("text of a macro", True, "model_definition: the text of these macros"),
        ("file of a macro", "macros/canary.sql", "called_macros: where they stand"),
        ("code as compiled", True, "model_definition: SQL of tables and views"),
        ("code as written", True, "model_definition: SQL of incremental models"),
        ("regular expressions", 2, "model_definition: which variables are named"),
        ("test of a model", "model.canary.counted", "untested_days: whose test it is"),
        ("name of a test", "unique", "get_where_subquery: which tests are bounded"),
        ("status of a model", "success", "log_rows_written: what a run did"),
        ("status of a test", "pass", "note_tested_days: which tests passed"),
        ("versions", True, "next_state: what the versions are"),
        ("command", "build", "note_tested_days: which command it is"),
    ],
)
def test_dbt_still_offers(
    found: dict[str, list[object]], name: str, value: object, who: str
) -> None:
    assert found.get(name) == [value], f"this dbt breaks {who}"


@pytest.mark.parametrize(
    "name",
    [
        "materialization_table_duckdb",
        "materialization_incremental_duckdb",
        "materialization_view_default",
        "materialization_seed_default",
        "get_incremental_append_sql",
        "should_full_refresh",
        "is_incremental",
    ],
)
def test_dbt_still_has_the_macro(name: str) -> None:
    import dbt.include.duckdb
    import dbt.include.global_project

    def texts(package: object) -> str:
        folder = Path(package.__path__[0])  # type: ignore[attr-defined]
        return "".join(file.read_text() for file in folder.rglob("macros/**/*.sql"))

    text = texts(dbt.include.duckdb) + texts(dbt.include.global_project)
    kind, _, rest = name.partition("_")
    defined = f"macro {name}("
    if kind == "materialization":
        of, _, adapter = rest.rpartition("_")
        by = "default" if adapter == "default" else f"adapter={adapter!r}"
        defined = f"materialization {of}, {by}"
    assert defined in text.replace('"', "'"), f"this dbt has no {defined}"
