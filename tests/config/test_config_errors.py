"""The messages about a wrong configuration: the place, the problem and a suggestion."""

import itertools
from pathlib import Path

import pytest

from lgbm_sm.config.loading import effective, load_config
from lgbm_sm.errors import ConfigError, ExitCode


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def messages(text: str = "", *overrides: str, **environ: str) -> list[str]:
    Path("config.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_config(None, overrides, environ)
    assert caught.value.exit_code is ExitCode.CONFIG
    return caught.value.message.split("\n")


def test_all_problems_are_told_at_once_in_the_order_of_their_places() -> None:
    text = """\
project:
  name: no
data:
  test_size: 2
  drop:
    - id
    - on
traning:
training:
  instance_typ: ml.m4.2xlarge
  num_leaves: 3
"""
    assert messages(text, "local.backend=dockr", "data.name=a/b", LGBM_SM_AWS__PREFX="x") == [
        'config.yaml:2: project.name: must be text, got no, which YAML reads as false (if you mean text, write "no" in quotes)',
        "config.yaml:4: data.test_size: must be below 1, got 2",
        'config.yaml:7: data.drop: item 2: must be a column\'s name (text) or position (a whole number), got on, which YAML reads as true (if you mean text, write "on" in quotes)',
        "config.yaml:8: traning is not a known key (did you mean training?)",
        "config.yaml:10: training.instance_typ is not a known key (did you mean instance_type?)",
        "config.yaml:11: training.num_leaves is not a known key (did you mean training.hyperparameters.num_leaves?)",
        "LGBM_SM_AWS__PREFX: aws.prefx is not a known key (did you mean prefix?)",
        '--set local.backend: must be one of auto, process, docker, got "dockr" (did you mean docker?)',
        '--set data.name: use at most 100 letters, digits, hyphens, underscores and dots, beginning with a letter or digit, got "a/b"',
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("training: {instance_typ: local}", "training.instance_typ is not a known key (did you mean instance_type?)"),
        ("training: {Instance-Type: local}", "training.Instance-Type is not a known key (did you mean instance_type?)"),
        (
            "instance_type: local",
            "instance_type is not a known key (did you mean training.instance_type or endpoint.instance_type?)",
        ),
        ("endpoint: {backend: docker}", "endpoint.backend is not a known key (did you mean local.backend?)"),
        ("data: {validation: b}", "data.validation is not a known key (did you mean data.files.validation?)"),
        (
            "aws: {zzz: 1}",
            "aws.zzz is not a known key (known keys: prefix, bucket, region, immutable_tags, execution_role, kms_key, subnets, security_groups, network_isolation, tags)",
        ),
        (
            "aws: {instance: 1}",
            "aws.instance is not a known key (known keys: prefix, bucket, region, immutable_tags, execution_role, kms_key, subnets, security_groups, network_isolation, tags)",
        ),
        ("123: 1", "123 is not a known key (known keys: project, data, container, training, endpoint, aws, local)"),
        ("data: {file: a, file: b}", "duplicate key data.file (first defined on line 1)"),
        ("training: 3", "training is a section: write its keys on indented lines below it"),
        ("training: [a]", "training is a section: write its keys on indented lines below it"),
        ("data: {files: a.csv}", "data.files is a mapping: write its keys on indented lines below it"),
        (
            "training: {hyperparameters: [a]}",
            "training.hyperparameters is a mapping: write its keys on indented lines below it",
        ),
        (
            "- training",
            "must be a mapping with the sections project, data, container, training, endpoint, aws, local",
        ),
        ("training", "must be a mapping with the sections project, data, container, training, endpoint, aws, local"),
        ("data: {[a]: 1}", "expected a key before the colon"),
        ("data: {random_state: !!int abc}", "data.random_state: the tag !!int is not supported"),
        ("data: {name: !!python/name:os.system x}", "data.name: the tag !!python/name:os.system is not supported"),
        ("data: {drop: &a [*a]}", "data.drop: the value is nested too deeply"),
        ("data: {name: *nobody}", "not valid YAML: found undefined alias 'nobody'"),
        ("data: {name: a", "not valid YAML: expected ',' or '}', but got '<stream end>'"),
        ("a: 1\n", "a is not a known key (known keys: project, data, container, training, endpoint, aws, local)"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_with_its_line(text: str, message: str) -> None:
    assert messages(text) == [f"config.yaml:1: {message}"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("training:\n\tinstance_type: local\n", "config.yaml:2: found a tab: indent YAML with spaces"),
        (
            "data:\n  name: a\n name: b\n",
            "config.yaml:3: not valid YAML: expected <block end>, but found '<block mapping start>'",
        ),
        ("data: {}\n---\naws: {}\n", "config.yaml:2: not valid YAML: but found another document"),
        ("data:\n  name: a\x07b\n", "config.yaml:2: the character U+0007 is not allowed"),
    ],
)
def test_broken_yaml_is_refused_with_its_line(text: str, message: str) -> None:
    assert messages(text) == [message]


def test_a_file_in_another_encoding_is_refused_with_its_line() -> None:
    Path("config.yaml").write_bytes("data:\n  name: größe\n".encode("latin-1"))
    with pytest.raises(ConfigError) as caught:
        load_config(None)
    assert caught.value.message == "config.yaml:2: not UTF-8 text (byte 0xf6)"
    assert "UTF-8" in caught.value.hint


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.instance_typ=x", "--set training.instance_typ: training.instance_typ is not a known key (did you mean instance_type?)"),
        ("instance_type=x", "--set instance_type: instance_type is not a known key (did you mean training.instance_type or endpoint.instance_type?)"),
        ("training={}", "--set training: training is a section: set one of its keys, such as training.instance_type"),
        ("training.instance_type.x=1", "--set training.instance_type.x: training.instance_type.x is not a known key (training.instance_type has a value, so it cannot have keys)"),
        ("training.instance_type", "--set training.instance_type: expected section.key=value, as in --set training.instance_type=ml.m4.2xlarge"),
        ("=3", "--set : expected section.key=value, as in --set training.instance_type=ml.m4.2xlarge"),
        ("data.target=#id", "--set data.target: #id contains a YAML comment: put the value in quotes"),
        ("data.target=a #id", "--set data.target: a #id contains a YAML comment: put the value in quotes"),
        ("data.target=[a", "--set data.target: not valid YAML: expected ',' or ']', but got '<stream end>' (put text with special characters in quotes)"),
        ("project.name=123", """--set project.name: must be text, got 123, a number (if you mean text, write --set 'project.name="123"')"""),
        ("data.random_state=", "--set data.random_state: must be a whole number, got nothing (to use the default, leave the key out)"),
        ("data.random_state='3'", '--set data.random_state: must be a whole number, got the text "3"'),
        ("data.random_state=3.5", "--set data.random_state: must be a whole number, got 3.5"),
        ("data.random_state=on", "--set data.random_state: must be a whole number, got on"),
        ("data.random_state=-1", "--set data.random_state: must be at least 0, got -1"),
        ("data.random_state=4294967296", "--set data.random_state: must be at most 4294967295, got 4294967296"),
        ("data.test_size=1", "--set data.test_size: must be below 1, got 1"),
        ("local.cpus=.inf", "--set local.cpus: must be a finite number, got .inf"),
        ("data.drop=[[[1]]]", "--set data.drop: the value is nested too deeply"),
        ("data.test_size=0", "--set data.test_size: must be above 0, got 0"),
        ("data.header=maybe", '--set data.header: must be true or false, got the text "maybe"'),
        ("data.drop=a", '--set data.drop: must be a list, got the text "a"'),
        ("data.file=' '", '--set data.file: must be a path, got the text " "'),
        ("data.files={train: a, validation: b}", "--set data.files={train: data.files.test: is missing"),
        ("training.hyperparameters.metric\udcff=1", "--set training.hyperparameters.metric\udcff: the text contains half of a surrogate pair, which is not a character"),
        ("data.name=..", '--set data.name: use at most 100 letters, digits, hyphens, underscores and dots, beginning with a letter or digit, got ".."'),
        ("aws.prefix=a/../b", '--set aws.prefix: use only letters, digits and _ - . in parts that are separated by single slashes, got "a/../b"'),
        ("container.repository=Team/Model", '--set container.repository: use 2 to 256 lower-case letters and digits, separated by single . _ - or / characters, got "Team/Model"'),
        ("training.instance_count=2", "--set training.instance_count: must be 1, got 2: training on several hosts is not supported yet"),
        ("training.instance_count=0", "--set training.instance_count: must be at least 1, got 0"),
        ("endpoint.name=my_endpoint", '--set endpoint.name: use only letters, digits and hyphens (a hyphen must not be first or last), got "my_endpoint" (did you mean my-endpoint?)'),
        ("endpoint.name=" + "a" * 64, '--set endpoint.name: must have at most 63 characters, got 64: "' + "a" * 64 + '"'),
        ("endpoint.startup_timeout_seconds=59", "--set endpoint.startup_timeout_seconds: must be at least 60, got 59"),
        ("training.hyperparameters.metric=.inf", "--set training.hyperparameters.metric: must be a finite number, got .inf"),
        ("training.hyperparameters.metric={a: 1}", "--set training.hyperparameters.metric: must be text, a number, true, false or a list of these, got a mapping"),
        ("project.name=my_model", '--set project.name: use only letters, digits and hyphens (a hyphen must not be first or last), got "my_model" (did you mean my-model?)'),
        ("project.name=" + "a" * 40, '--set project.name: must have at most 39 characters, got 40: "' + "a" * 40 + '" (the names of jobs add 24, and SageMaker allows 63)'),
    ],
)  # fmt: skip
def test_a_set_option_that_does_not_fit_is_refused(override: str, message: str) -> None:
    expected = message.replace("--set data.files={train:", "--set data.files:")
    assert messages("", override) == [expected]


@pytest.mark.parametrize("name", ["my-code.py", "1.py", "code.txt", "code"])
def test_an_entry_point_that_python_cannot_import_is_refused(name: str) -> None:
    [message] = messages("", f"endpoint.entry_point={name}")
    assert message.startswith("--set endpoint.entry_point: ")
    assert message.endswith(f'"{name}"')


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("LGBM_SM_X__Y", "1", "x is not a known key (known keys: project, data, container, training, endpoint, aws, local)"),
        ("LGBM_SM_TRAINING__INSTANCE_TYP", "1", "training.instance_typ is not a known key (did you mean instance_type?)"),
        ("LGBM_SM_DATA__NAME", "7", """data.name: must be text, got 7, a number (if you mean text, write LGBM_SM_DATA__NAME='"7"')"""),
        ("LGBM_SM_DATA__NAME", "\udcff", "the character U+DCFF is not allowed (put text with special characters in quotes)"),
    ],
)  # fmt: skip
def test_a_variable_that_does_not_fit_is_refused(name: str, value: str, message: str) -> None:
    assert messages("", **{name: value}) == [f"{name}: {message}"]


@pytest.mark.parametrize(
    ("instance_type", "remedy"),
    [
        ("m4.xlarge", '"m4.xlarge" is not an instance type (did you mean ml.m4.xlarge?)'),
        ("ML.M4.XLarge", '"ML.M4.XLarge" is not an instance type (did you mean ml.m4.xlarge?)'),
        ("ml.m4", '"ml.m4" is not an instance type (the size is missing, as in ml.m4.xlarge)'),
        ("Local", '"Local" is not an instance type (did you mean local?)'),
        ("big", '"big" is not an instance type (use "local", or an instance type such as ml.m4.xlarge)'),
        (
            "local-gpu",
            'local-gpu is not supported, since the images contain LightGBM without its GPU build: use "local"',
        ),
        (
            "local_gpu",
            'local_gpu is not supported, since the images contain LightGBM without its GPU build: use "local"',
        ),
    ],
)
@pytest.mark.parametrize("section", ["training", "endpoint"])
def test_a_malformed_instance_type_is_refused_with_its_remedy(section: str, instance_type: str, remedy: str) -> None:
    line = f"{section}: {{instance_type: {instance_type}}}"
    assert messages(line) == [f"config.yaml:1: {section}.instance_type: {remedy}"]


def test_both_ways_of_naming_own_tables_are_refused_together() -> None:
    text = "data:\n  file: a.csv\n  files: {train: a, validation: b, test: c}\n"
    assert messages(text) == ["config.yaml:3: data.files: data.file is set too: set only one of them"]


def test_missing_files_are_told_where_the_others_stand() -> None:
    assert messages("data:\n  files:\n    train: a\n", "data.files.test=b") == [
        "config.yaml:2: data.files.validation: is missing"
    ]


def test_an_invalid_value_is_no_error_when_another_source_overrides_it() -> None:
    Path("config.yaml").write_text("data: {test_size: 2}", encoding="utf-8")
    assert load_config(None, ["data.test_size=0.3"]).config.data.test_size == 0.3


@pytest.mark.parametrize(("length", "fits"), [(2500, True), (2501, False)])
def test_a_hyperparameter_fits_when_sagemaker_takes_its_length(length: int, *, fits: bool) -> None:
    ones = "1," * (length // 2) + "1" * (length % 2)
    text = f"training: {{hyperparameters: {{eval_at: '{ones}'}}}}"
    if fits:
        Path("config.yaml").write_text(text, encoding="utf-8")
        assert load_config(None).config.training.hyperparameters == {"eval_at": ones}
    else:
        sentence = f"must have at most 2500 characters (SageMaker's limit), got {length}"
        assert messages(text) == [f"config.yaml:1: training.hyperparameters.eval_at: {sentence}"]


def test_more_hyperparameters_than_sagemaker_takes_are_refused() -> None:
    mapping = ", ".join(f"p{number}: 1" for number in range(101))
    *_, message = sorted(messages(f"training: {{hyperparameters: {{{mapping}}}}}"), key=len)
    assert message == (
        "config.yaml:1: training.hyperparameters: must be at most 100 hyperparameters (SageMaker's limit), got 101"
    )


ODD_VALUES = [
    "",
    "x" * 3000,
    "9" * 299,
    "-1",
    "1.5",
    ".nan",
    "-.inf",
    "on",
    "[]",
    "[[1]]",
    "[~]",
    "{}",
    "{a: 1}",
    "'\\0'",
]


@pytest.mark.parametrize(
    "value", [*ODD_VALUES, '"\\0"', '"\\ud800"', "!!binary abc", "!!set {a}", "&a [*a]", "~nobody/x"]
)
def test_every_key_takes_or_refuses_an_odd_value_in_words(value: str) -> None:
    refusals = {}
    for key, _, _ in effective(load_config(None)):
        try:
            load_config(None, [f"{key}={value}"])
        except ConfigError as error:
            refusals[key] = error.message
    for key, message in refusals.items():
        assert message.startswith(f"--set {key}: ")
        assert "Input should" not in message


def test_every_pair_of_keys_is_told_apart_by_its_section() -> None:
    known = {key for key, _, _ in effective(load_config(None)) if key.count(".") == 1}
    sections = {key.partition(".")[0] for key in known}
    for section, key in itertools.product(sections, known):
        name = key.partition(".")[2]
        if f"{section}.{name}" not in {*known, "training.hyperparameters"}:
            (message,) = messages("", f"{section}.{name}=1")
            assert key in message


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ("{'AWS:x': y}", 'aws.tags.AWS:x: keys that begin with "aws:" are reserved for AWS'),
        ("{'LGBM-SM:x': y}", 'aws.tags.LGBM-SM:x: keys that begin with "lgbm-sm:" are reserved for lgbm-sm'),
        ("{'aws:x': y}", 'aws.tags.aws:x: keys that begin with "aws:" are reserved for AWS'),
        (
            "{'lgbm-sm:project': y}",
            'aws.tags.lgbm-sm:project: keys that begin with "lgbm-sm:" are reserved for lgbm-sm',
        ),
        (f"{{{'k' * 129}: y}}", f"aws.tags.{'k' * 129}: a tag's key must have at most 128 characters, got 129"),
        (f"{{k: {'v' * 257}}}", "aws.tags.k: a tag's value must have at most 256 characters, got 257"),
        ("{k: true}", "aws.tags.k: must be text, got true"),
        ("{k: 'a;b'}", 'aws.tags.k: a tag\'s value may have letters, digits, spaces and _ . : / = + - @, got "a;b"'),
        (
            f"{{{', '.join(f'k{number}: v' for number in range(49))}}}",
            "aws.tags: must be at most 48 tags (AWS allows 50, and lgbm-sm sets two), got 49",
        ),
    ],
)
def test_tags_that_aws_does_not_take_are_refused(tags: str, message: str) -> None:
    [said] = messages("", f"aws.tags={tags}")
    assert message in said


def test_a_tag_may_have_spaces_and_letters_of_any_language() -> None:
    loaded = load_config(None, ["aws.tags={Kosten Stelle: 'Größe 4'}"])
    assert loaded.config.aws.tags == {"Kosten Stelle": "Größe 4"}


def test_a_wrong_subnet_is_one_problem_when_security_groups_are_given_too() -> None:
    assert messages("aws: {subnets: [x], security_groups: [sg-01234567]}") == [
        'config.yaml:1: aws.subnets: item 1: must be a subnet\'s id, such as subnet-0123456789abcdef0, got "x"'
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "data: {drop: [[a]]}",
            "data.drop: item 1: must be a column's name (text) or position (a whole number), got a list",
        ),
        ("data: {drop: [[[a]]]}", "data.drop: the value is nested too deeply"),
        ("data: {drop: a}", 'data.drop: must be a list, got the text "a"'),
        ('data: {file: "a\\0b"}', 'data.file: must be a path, got the text "a\0b"'),
        (
            'local: {environment: {"A\\ud800": x}}',
            "the text contains half of a surrogate pair, which is not a character",
        ),
    ],
)
def test_a_value_of_another_shape_is_named(text: str, message: str) -> None:
    [found] = messages(text)
    assert found.startswith("config.yaml:1: ")
    assert found.endswith(message)


def test_a_missing_key_is_reported_at_the_last_of_the_keys_beside_it() -> None:
    found = messages("", "data.files.validation=b.csv", LGBM_SM_DATA__FILES__TRAIN="a.csv")
    assert found == ["--set data.files.validation: data.files.test: is missing"]
