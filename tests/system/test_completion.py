"""
Completion in bash, zsh and fish: what is offered, and that names come to the program as they are, whatever is in them.
"""

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

import harness
from terminal import Terminal

FILES = Path(__file__).resolve().parents[2] / "completions"
SHELLS = {"bash": "nbfork.bash", "zsh": "_nbfork", "fish": "nbfork.fish"}

# Names of notebooks, by how they begin: no two begin alike.
HOSTILE = {
    "i": "it's",
    "d": "d$(touch pwned)`touch pwned`",
    "q": 'q "quoted" \\ back\\\\slash',
    "s": "s p a  c e",
    "a": "a;touch pwned&|<>(){}#!x",
    "g": "g*?[x]~^%@,",
    "c": "c=d:e=f",
    "ü": "über ☃",
    "o": "o$HOME${x}\\n",
    "n": "n{{ }}",
}


def needs(shell):
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")


@pytest.fixture
def here(work):
    """A folder with a workflow of hostile names, and an nbfork that writes down what it is given."""
    work.notebook("a", "print x")
    work.notebook("no te's $(touch pwned)", "print x")
    work.write("more/w.yaml", "notebooks: [a.ipynb]\n")
    work.write("other.txt", "")
    work.path("nbfork-runs/w-2026").mkdir(parents=True)
    work.path("nbfork-runs/flow-latest").symlink_to("w-2026")
    work.write("the flow.yaml", json.dumps({
        "targets": {name: {"type": "local"} for name in HOSTILE.values() if "{{" not in name},
        "notebooks": [{"path": "a.ipynb", "name": name.replace("{{", '{{ "{{" }}')} for name in HOSTILE.values()]}))
    real = shlex.join(harness.program())
    work.write("bin/nbfork", "#!/bin/sh\n"
               f'case "$*" in *--complete=*" -- "*) exec {real} "$@" ;; esac\n'
               r"""for word; do printf '%s\0' "$word"; done >seen.new; mv seen.new seen""" + "\n")
    work.path("bin/nbfork").chmod(0o755)
    work.env["PATH"] = f"{work.path('bin')}:{work.env['PATH']}"
    return work


@pytest.fixture
def shell(here):
    """Starts a shell; returns what types a line into it and says with which words nbfork was called then."""
    terminals = []

    def start(name):
        needs(name)
        if name == "bash":
            terminal = Terminal(here, columns=200)
            terminal.type(f"bind 'set bell-style none'; set +H; source {shlex.quote(str(FILES / 'nbfork.bash'))}; echo loa''ded\n")
        else:
            here.write("zsh/_nbfork", (FILES / "_nbfork").read_text("utf-8"))
            terminal = Terminal(here, columns=200, shell=("zsh", "-f", "-i"), ZDOTDIR=str(here.dir))
            terminal.type("setopt nobeep nobanghist; fpath=(zsh $fpath); autoload -Uz compinit; compinit -D -u; echo loa''ded\n")
        terminals.append(terminal)
        terminal.read_until("loaded")

        def typed(line):
            here.path("seen").unlink(missing_ok=True)
            terminal.type(line + "\n")
            harness.wait_for(lambda: terminal.read(0.01) or here.path("seen").exists() and not terminal.read(0.01), line)
            harness.wait_for(here.path("seen").exists, line)
            return here.path("seen").read_bytes().decode().split("\0")[:-1]
        return typed

    yield start
    for terminal in terminals:
        terminal.close()
    assert not here.path("pwned").exists()


@pytest.mark.parametrize("name", ["bash", "zsh"])
def test_names_come_to_the_program_as_they_are(shell, name):
    typed = shell(name)
    for first, notebook in HOSTILE.items():
        assert typed(f"nbfork the\\ flow.yaml -s {first}\t") == ["the flow.yaml", "-s", notebook]
    for first, target in HOSTILE.items():
        if "{{" not in target:
            assert typed(f"nbfork 'the flow.yaml' --target={first}\t") == ["the flow.yaml", "--target=" + target]


@pytest.mark.parametrize("quote", ["'", '"'])
@pytest.mark.parametrize("name", ["bash", "zsh"])
def test_names_within_quotes_do_too(shell, name, quote):
    typed = shell(name)
    for first, notebook in HOSTILE.items():
        assert typed(f'nbfork "the flow.yaml" --select {quote}{first}\t') == ["the flow.yaml", "--select", notebook]


@pytest.mark.parametrize("name", ["bash", "zsh"])
def test_names_go_on_where_they_have_been_typed_up_to(shell, name):
    typed = shell(name)
    for begun in (r"q\ \"quo", r"it\'", "c=d:e", r"d\$\(to", "s' p a'", r"g\*"):
        want = next(n for n in HOSTILE.values() if n.startswith(begun[0]))
        assert typed(f"nbfork the\\ flow.yaml -s {begun}\t") == ["the flow.yaml", "-s", want]


@pytest.mark.parametrize("name", ["bash", "zsh"])
def test_options_words_and_files(shell, name):
    typed = shell(name)
    assert typed("nbfork --dr\t") == ["--dry-run"]
    assert typed("nbfork --on-error=fa\t") == ["--on-error=fail-fast"]
    assert typed("nbfork -e dr\t") == ["-e", "drain"]
    assert typed("nbfork --prog\tpl\t") == ["--progress=plain"]
    assert typed("nbfork --resume=nbfork-runs/w\t") == ["--resume=nbfork-runs/w-2026"]
    # A run has its name, and its folder; both stand behind --show, too, where no notebook does.
    assert typed("nbfork --show=w\t") == ["--show=w-2026"]
    assert typed("nbfork --show w\t") == ["--show", "w-2026"]
    assert typed("nbfork --show --diff=w\t") == ["--show", "--diff=w-2026"]
    assert typed("nbfork --show --diff=fl\t") == ["--show", "--diff=flow"]
    assert typed("nbfork --show nbfork-runs/w\t") == ["--show", "nbfork-runs/w-2026"]
    assert [w.rstrip("/") for w in typed("nbfork --list-runs mo\t")] == ["--list-runs", "more"]
    assert typed("nbfork the\t") == ["the flow.yaml"]
    assert typed("nbfork no\t") == ["no te's $(touch pwned).ipynb"]
    assert typed("nbfork more/\t") == ["more/w.yaml"]
    if name == "bash":  # zsh offers any file where no other will do
        assert typed("nbfork oth\t") == ["oth"]
    assert typed("nbfork --events oth\t") == ["--events", "other.txt"]


def fish(here, line):
    """What fish offers."""
    needs("fish")
    run = subprocess.run(["fish", "--no-config", "-c", f"source {shlex.quote(str(FILES / 'nbfork.fish'))}; complete -C $argv[1]", line],
                         cwd=here.dir, env=here.env, capture_output=True, text=True, timeout=60 * harness.PATIENCE)
    assert (run.returncode, run.stderr) == (0, "")
    assert not here.path("pwned").exists()
    return [offer.split("\t")[0] for offer in run.stdout.splitlines()]


def test_fish_offers_the_names(here):
    assert sorted(fish(here, "nbfork the\\ flow.yaml -s ")) == sorted(HOSTILE.values())
    assert fish(here, "nbfork 'the flow.yaml' --select it") == ["it's"]
    assert "local" in fish(here, 'nbfork "the flow.yaml" -t ')
    assert fish(here, "nbfork --on-error=fa") == ["--on-error=fail-fast"]
    assert fish(here, "nbfork --dr") == ["--dry-run"]
    assert set(fish(here, "nbfork --resume=")) == {"--resume=nbfork-runs/w-2026", "--resume=nbfork-runs/flow-latest"}
    assert set(fish(here, "nbfork --show=")) == {"--show=w-2026", "--show=flow"}
    assert set(fish(here, "nbfork --show --diff ")) == {"w-2026", "flow"}
    assert set(fish(here, "nbfork --show ")) == {"w-2026", "flow"}
    assert fish(here, "nbfork --list-runs mo") == ["more/"]
    assert {"the flow.yaml", "a.ipynb", "no te's $(touch pwned).ipynb"} <= set(fish(here, "nbfork "))
    assert fish(here, "nbfork -s ") == []


@pytest.mark.parametrize("shell_name", SHELLS)
def test_every_option_of_the_help_is_in_each(work, shell_name):
    shown = work.run("--help", folder=None).out
    options = re.findall(r"^ +(?:-(\w), |    )--([a-z-]+)(\[?=)?", shown, re.M)
    text = (FILES / SHELLS[shell_name]).read_text("utf-8")
    assert len(options) >= 24
    for letter, option, value in options:
        if shell_name == "fish":
            found = re.search(rf"^complete .*-l {option}\b(.*)", text, re.M)
            assert found, option
            assert not letter or f"-s {letter} " in found[0], letter
            assert bool(value) == bool(re.search(r" -(x|r|f|F) ", found[1])), option
        elif shell_name == "bash":
            kind = {"": "plain", "=": "valued", "[=": "optional"}[value]
            words = re.search(rf"^_nbfork_{kind}='([^']*)'", text, re.M)[1].split()
            assert f"--{option}" in words, option
        else:
            assert re.search(rf"--{option}{'=' if value else ''}-?(\[|\}})", text), option
    known = set(re.findall(r"^complete .*-l ([a-z-]+)" if shell_name == "fish" else r"--([a-z]+[a-z-]+)", text, re.M))
    assert known == {option for _, option, _ in options}


def test_names_of_a_bundle(work):
    work.write("databricks.yml", "bundle: {name: b}\ntargets: {dev: {default: true}, prod: {resources: {jobs: {late: {}, two: {}}}}}\n"
               'resources: {jobs: {one: {tasks: []}, two: {}, "ctrl\\x01": {}}}\n')
    assert work.run("--complete=jobs", "databricks.yml", folder=None).out == "one\ntwo\nlate\n"
    assert work.run("--complete=targets", "databricks.yml", folder=None).out == "local\ndev\nprod\n"


def test_a_broken_workflow_has_the_names_that_it_has(work):
    work.write("w.yaml", "proceses: x\ntargets: {p: {type: spark}}\nnotebooks: [none.ipynb, {path: b.ipynb, timeout: 5}, {name: x}]\n")
    run = work.run("--complete=notebooks", "w.yaml", folder=None)
    assert (run.status, run.out, run.err) == (0, "none\nb\n", "")
    assert work.run("--complete=targets", "w.yaml", folder=None).out == "local\np\n"
    run = work.run("--complete=targets", "nowhere.yaml", folder=None)
    assert (run.status, run.out, run.err) == (0, "", "")
    assert "none of notebooks, targets, jobs" in work.refused("--complete=notes", "w.yaml")
    assert "--complete takes one workflow" in work.refused("--complete=jobs", "w.yaml", "v.yaml")
    for option in ("--show", "--list-runs", "--init", "--check", "-r", "--json"):
        assert "--complete prints names and runs nothing" in work.refused("--complete=jobs", option, "w.yaml")
