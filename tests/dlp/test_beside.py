"""A value beside the name of a secret is seen in whatever form the two stand together."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from botbottle.dlp import Scanner, Verdict
from tests.dlp.conftest import PATIENT
from tests.dlp.families import ALNUM, HEX, some, uuid

VALUES = (some(ALNUM, 38) + "q7Z", some(HEX, 38) + "a7", uuid())
NAMES = ("acme_api_key", "webhook_secret", "acme_access_token")
FORMS: dict[str, str] = {
    "a typed name": '{snake}: str = "{value}"',
    "an optional one": '{snake}: Optional[str] = "{value}"',
    "a field": '{snake}: str = Field(default="{value}")',
    "a member": "private readonly {camel}: string = '{value}';",
    "a typed variable": 'var {camel} string = "{value}"',
    "a constant of Rust": 'const {upper}: &str = "{value}";',
    "a property of C#": 'public string {camel} {{ get; set; }} = "{value}";',
    "a second choice": 'const k = process.env.{upper} || "{value}";',
    "a default": "k: process.env.{upper} ?? '{value}',",
    "a default of a shell": 'X="${{{upper}:-{value}}}"',
    "a pair": '{{"name": "{upper}", "value": "{value}"}}',
    "a pair over two lines": '  "name": "{upper}",\n    "value": "{value}"',
    "a pair of YAML": "- name: {upper}\n  value: {value}\n",
    "a pair of Terraform": '[{{ name = "{upper}", value = "{value}" }}]',
    "a state": '"{snake}": {{\n "value": "{value}",\n "type": "string"\n}}',
    "a property list": "<key>{camel}</key>\n\t<string>{value}</string>",
    "a form of HTML": '<meta name="{snake}" content="{value}">',
    "a command": 'gh secret set {upper} --body "{value}"',
    "a table": "| {upper} | {value} |",
    "a table with code": "| `{upper}` | `{value}` |",
    "bold type": "- **{upper}**: `{value}`",
    "an instruction": "ENV {upper} {value}",
    "a column": "{snake}\t{value}\n",
    "a list of pairs": "name,value\n{snake},{value}\n",
    "a setting": "npm config set {snake} {value}",
    "aligned columns": '  {snake}              = "{value}"',
    "an arrow": "{snake} -> {value}",
    "quotes in quotes": 'buildConfigField "String", "{upper}", "\\"{value}\\""',
    "a sentence": "my {words} is {value}",
    "a sentence with code": "The {words} is `{value}`, keep it.",
    "a sentence without a verb": "use the {words} {value} for now",
    "a dash": "{words} - '{value}'",
    "a dash of print": "{upper} \u2014 {value}",
    "a command in words": "Set `{upper}` to `{value}`.",
    "cells of HTML": "<tr><td>{upper}</td>\n  <td><code>{value}</code></td></tr>",
    "an element in braces": "<{camel}>{{{value}}}</{camel}>",
    "an element with a word": "<{camel}>{{AQAAABAAA {value}}}</{camel}>",
    "colours": "\x1b[36m{snake}\x1b[0m=\x1b[33m{value}\x1b[0m",
}


def written(form: str, name: str, value: str) -> str:
    head, *rest = name.split("_")
    return form.format(
        snake=name, upper=name.upper(), camel=head + "".join(map(str.title, rest)),
        words=name.replace("_", " "), value=value,
    )  # fmt: skip


def acted_on(scanner: Scanner, text: str) -> bool:
    texts = text, json.dumps({"t": text}), json.dumps({"t": json.dumps({"t": text})})
    return all({f.verdict for f in scanner.scan(one.encode())} - {Verdict.WARN} for one in texts)


@pytest.mark.parametrize("form", FORMS)
def test_it_is_acted_on_in(form: str, make: Callable[..., Scanner]) -> None:
    scanner = make()
    missed = [
        text
        for name in NAMES
        for value in VALUES
        if not acted_on(scanner, text := written(FORMS[form], name, value))
    ]
    assert not missed


@pytest.mark.parametrize("form", FORMS)
def test_a_name_in_its_place_is_none(form: str, make: Callable[..., Scanner]) -> None:
    scanner = make()
    for value in ("read_from_the_environment_2", "SomeProviderFactoryBuilder1", "arn:aws:iam::123"):
        found = scanner.scan(written(FORMS[form], "acme_api_key", value).encode())
        assert {f.verdict for f in found} <= {Verdict.WARN}, value


@pytest.mark.parametrize("form", ["a pair", "a pair of YAML", "a column", "a state"])
def test_pairs_that_name_no_secret_are_left_alone(form: str, make: Callable[..., Scanner]) -> None:
    scanner = make()
    for name in ("etag", "key", "commit", "request_id", "author"):
        assert not scanner.scan(written(FORMS[form], name, some(HEX, 40)).encode()), name


@pytest.mark.parametrize(
    "text",
    [
        "Pin actions/create-github-app-token to {sha} (v1.11.0)",
        "<tr><td>create-github-app-token</td><td><code>{sha}</code></td></tr>",
        "bump google-github-actions/setup-auth - `{sha}`",
    ],
)
def test_the_commit_of_a_package_is_its_version(text: str, make: Callable[..., Scanner]) -> None:
    assert not acted_on(make(), text.format(sha=some(HEX, 40)))
    assert acted_on(make(), f"Set `API_TOKEN` to `{some(HEX, 38)}a7`")


SCANNER = Scanner({}, key=b"k", limits=PATIENT)
PAIRS = (
    "env:\n- name: {name}\n  value: {value}\n",
    '{{"name": "{name}", "value": "{value}"}}',
    '  - name: {name}\n    value: "{value}"\n',
    '{{ name = "{name}", value = "{value}" }}',
)


def verdicts(text: str) -> set[Verdict]:
    forms = (text, json.dumps({"content": text}), json.dumps(json.dumps({"content": text})))
    (same,) = {frozenset(f.verdict for f in SCANNER.scan(form.encode())) for form in forms}
    return set(same)


@pytest.mark.parametrize("form", PAIRS)
def test_the_secret_key_of_aws_in_a_pair_is_a_token(form: str) -> None:
    for name in ("AWS_SECRET_ACCESS_KEY", "S3_SECRET_ACCESS_KEY", "aws.secret-key"):
        assert Verdict.TOKEN in verdicts(form.format(name=name, value=some(ALNUM, 39) + "7")), name
    for size in (39, 41):
        assert Verdict.TOKEN not in verdicts(
            form.format(name="AWS_SECRET_ACCESS_KEY", value=some(ALNUM, size - 1) + "7")
        )
    commit = form.format(name="AWS_IMAGE_REVISION", value=some(HEX, 38) + "a7")
    assert Verdict.TOKEN not in verdicts(commit)
