#!/usr/bin/python3
"""Checks deploy/prometheus and deploy/grafana: what they ask for is what the gateway has.

scripts/check_observability.py               checks them, and that the manual speaks of every alert
scripts/check_observability.py --self-test   shows that the check can fail
"""

import copy
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
RULES = ROOT / "deploy/prometheus/gatehouse.rules.yml"
TESTS = ROOT / "deploy/prometheus/gatehouse.test.yml"
BOARD = ROOT / "deploy/grafana/gatehouse.json"
REFERENCE = ROOT / "docs/reference.md"
MANUAL = ROOT / "docs/manual/observability.md"

TARGET_LABELS = {"job", "instance"}  # Prometheus adds them to whatever it scrapes
SEVERITIES = {"critical", "warning"}
LONGEST_LEGEND = 40
KEYWORDS = {"and", "or", "unless", "bool", "offset", "inf", "nan"}

ROW = re.compile(r"^\| `(gatehouse_\w+)` \| (counter|gauge|histogram) \| ([^|]*) \|", re.M)
STRING = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'')
GROUPING = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
SELECTOR = re.compile(r"([A-Za-z_:][\w:]*)\s*(?:\{([^}]*)\})?(\s*\()?")
NUMBER_OR_TIME = re.compile(r"\[[^\]]*\]|\b\d[\w.]*")
VARIABLES = {"$__rate_interval": "5m", "$__interval": "1m", "$__range": "1h"}


def metrics_of(reference):
    """Every name that a sample may have, with its labels, from the table of metrics."""
    found = {"up": set()}
    for name, kind, labels in ROW.findall(reference):
        own = set() if labels == "-" else set(labels.split(", "))
        if kind == "histogram":
            found |= {name + "_bucket": own | {"le"}, name + "_sum": own, name + "_count": own}
        else:
            found[name] = own
    return found


def words(text):
    return [w.strip() for w in text.split(",") if w.strip()]


def check_expression(expression, metrics):
    """What is wrong with the names in it. Whether it parses is for promtool to say."""
    text = STRING.sub('""', expression)
    grouped = [label for labels in GROUPING.findall(text) for label in words(labels)]
    text = GROUPING.sub(" ", text)
    known = set(TARGET_LABELS)
    used = 0
    for name, matchers, called in SELECTOR.findall(NUMBER_OR_TIME.sub(" ", text)):
        if called or name in KEYWORDS:
            continue
        used += 1
        if name not in metrics:
            yield f"there is no metric {name}"
            continue
        labels = metrics[name] | TARGET_LABELS
        known |= labels
        for matcher in words(matchers):
            label = re.match(r"\w+", matcher).group()
            if label not in labels:
                yield f"{name} has no label {label}"
    for label in grouped:
        if label not in known:
            yield f"no metric in it has the label {label}"
    if not used:
        yield "it asks for no metric"


def anchor(heading):
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def check_rules(rules, manual, metrics):
    """Adds what the rules record to `metrics`."""
    headings = {anchor(h) for h in re.findall(r"^#+ (.*)$", manual, re.M)}
    every = [rule for group in rules["groups"] for rule in group["rules"]]
    for rule in every:
        if "record" in rule:
            level = rule["record"].split(":")[0]
            metrics[rule["record"]] = {label for label in ("job", "instance", "service", "limit") if label in level}
    for rule in every:
        where = rule.get("alert") or rule["record"]
        for error in check_expression(rule["expr"], metrics):
            yield f"{where}: {error}"
        if "alert" not in rule:
            continue
        if rule.get("labels", {}).get("severity") not in SEVERITIES:
            yield f"{where}: its severity is none of {', '.join(sorted(SEVERITIES))}"
        notes = rule.get("annotations", {})
        for needed in ("summary", "description", "runbook"):
            if not notes.get(needed):
                yield f"{where}: it has no {needed}"
        if notes.get("runbook") != f"docs/manual/observability.md#{anchor(where)}":
            yield f"{where}: its runbook is another's"
        if anchor(where) not in headings:
            yield f"{where}: docs/manual/observability.md has no heading for it"


def check_tests(rules, tests):
    """Each alert is seen to fire, and to stay silent."""
    fires, silent = set(), set()
    for test in tests["tests"]:
        for case in test.get("alert_rule_test", []):
            (fires if case.get("exp_alerts") else silent).add(case["alertname"])
    alerts = [rule["alert"] for group in rules["groups"] for rule in group["rules"] if "alert" in rule]
    if len(alerts) != len(set(alerts)):
        yield "two alerts have one name"
    for alert in alerts:
        if alert not in fires:
            yield f"{alert}: no test shows that it fires"
        if alert not in silent:
            yield f"{alert}: no test shows that it stays silent"


def queries_of(board):
    """(where, expression) of all that the board asks Prometheus."""
    for panel in board["panels"]:
        for target in panel.get("targets", []):
            yield f"panel {panel['title']!r}, {target['refId']}", target["expr"]
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            match = re.fullmatch(r"label_values\((.*), *(\w+)\)", variable["query"]["query"])
            yield f"variable {variable['name']}", f"count by ({match.group(2)}) ({match.group(1)})"
    for annotation in board["annotations"]["list"]:
        if "expr" in annotation:
            yield f"annotation {annotation['name']!r}", annotation["expr"]


def plain(expression):
    """Without Grafana's variables, but for those in strings, where they do not matter."""
    for name, value in VARIABLES.items():
        expression = expression.replace(name, value)
    return expression


def check_panel(panel):
    if panel["type"] == "row":
        return
    if not panel.get("description"):
        yield "it has no description"
    if not panel["fieldConfig"]["defaults"].get("unit"):
        yield "it has no unit"
    if not panel.get("targets"):
        yield "it shows nothing"
    for part in [panel, *panel.get("targets", [])]:
        if part["datasource"]["uid"] != "${datasource}":
            yield "its data source is not the variable"
    for target in panel.get("targets", []):
        if panel["type"] == "timeseries" and not target.get("legendFormat"):
            yield f"{target['refId']} has no legend"
        if len(target.get("legendFormat", "")) > LONGEST_LEGEND:
            yield f"the legend of {target['refId']} is long"


def overlaps(a, b):
    return a["x"] < b["x"] + b["w"] and b["x"] < a["x"] + a["w"] and a["y"] < b["y"] + b["h"] and b["y"] < a["y"] + a["h"]


def check_board(board, metrics):
    panels = board["panels"]
    ids = [panel["id"] for panel in panels]
    for twice in sorted({i for i in ids if ids.count(i) > 1}):
        yield f"two panels have the id {twice}"
    variables = {variable["name"] for variable in board["templating"]["list"]}
    for needed in ("datasource", "instance", "service", "route"):
        if needed not in variables:
            yield f"there is no variable {needed}"
    for panel in panels:
        for error in check_panel(panel):
            yield f"panel {panel['title']!r}: {error}"
    places = [(panel["title"], panel["gridPos"]) for panel in panels]
    for i, (title, place) in enumerate(places):
        if place["x"] + place["w"] > 24:
            yield f"panel {title!r}: it is beyond the right edge"
        for other, there in places[:i]:
            if overlaps(place, there):
                yield f"panels {other!r} and {title!r} lie on each other"
    for where, expression in queries_of(board):
        for unknown in set(re.findall(r"\$(\w+)", expression)) - variables - {name[1:] for name in VARIABLES}:
            yield f"{where}: there is no variable {unknown}"
        for error in check_expression(plain(expression), metrics):
            yield f"{where}: {error}"


def promtool(*arguments, cwd):
    """What it says if it says no. Its words come on both streams."""
    done = subprocess.run(["promtool", *arguments], cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        yield f"promtool {' '.join(arguments)}:\n{done.stdout}{done.stderr}"


def check_parses(queries):
    """promtool of Debian 12 reads an expression only as a rule."""
    with tempfile.TemporaryDirectory() as folder:
        rules = [{"alert": where, "expr": plain(expression)} for where, expression in queries]
        Path(folder, "board.yml").write_text(json.dumps({"groups": [{"name": "board", "rules": rules}]}))
        yield from promtool("check", "rules", "board.yml", cwd=folder)


def check(rules, tests, board, reference, manual):
    metrics = metrics_of(reference)
    yield from check_rules(rules, manual, metrics)
    yield from check_tests(rules, tests)
    yield from check_board(board, metrics)


def read():
    return {
        "rules": yaml.safe_load(RULES.read_text()),
        "tests": yaml.safe_load(TESTS.read_text()),
        "board": json.loads(BOARD.read_text()),
        "reference": REFERENCE.read_text(),
        "manual": MANUAL.read_text(),
    }


def self_test():
    """What is there is right; each of these changes to it has to be found."""

    def rule(files, name):
        return next(r for g in files["rules"]["groups"] for r in g["rules"] if r.get("alert") == name)

    def panel(files, title):
        return next(p for p in files["board"]["panels"] if p["title"] == title)

    def change_expression(files, old, new):
        for target in (t for p in files["board"]["panels"] for t in p.get("targets", [])):
            target["expr"] = target["expr"].replace(old, new)

    cases = [
        (lambda f: rule(f, "GatehouseDown").update(expr="gatehouse_down > 0"), "no metric gatehouse_down"),
        (lambda f: rule(f, "GatehouseDown").update(expr="gatehouse_own_duration_seconds > 0"), "no metric"),
        (lambda f: rule(f, "GatehouseDown").update(expr='gatehouse_tunnels{route="x"} > 0'), "has no label route"),
        (lambda f: rule(f, "GatehouseDown").update(expr="sum by (route) (gatehouse_tunnels)"), "the label route"),
        (lambda f: rule(f, "GatehouseDown").update(labels={}), "severity"),
        (lambda f: rule(f, "GatehouseDown")["annotations"].pop("summary"), "no summary"),
        (lambda f: rule(f, "GatehouseDown")["annotations"].update(runbook="elsewhere"), "another's"),
        (lambda f: rule(f, "GatehouseDown").update(alert="GatehouseUp"), "no test shows that it fires"),
        (lambda f: f.update(manual=f["manual"].replace("# GatehouseDown", "# Down")), "no heading"),
        (lambda f: f["tests"].update(tests=f["tests"]["tests"][:1]), "no test shows that it fires"),
        (lambda f: f.update(reference=f["reference"].replace("gatehouse_tunnels", "gatehouse_pipes")), "gatehouse_tunnels"),
        (lambda f: panel(f, "Bodies").update(id=1), "two panels have the id 1"),
        (lambda f: panel(f, "Bodies").update(description=""), "no description"),
        (lambda f: panel(f, "Bodies")["fieldConfig"]["defaults"].pop("unit"), "no unit"),
        (lambda f: panel(f, "Bodies")["gridPos"].update(x=0), "lie on each other"),
        (lambda f: panel(f, "Bodies")["targets"][0].update(legendFormat=""), "no legend"),
        (lambda f: panel(f, "Bodies").update(datasource={"uid": "mine"}), "data source"),
        (lambda f: f["board"]["templating"]["list"].pop(), "no variable route"),
        (lambda f: change_expression(f, "_body_bytes_total", "_bytes_total"), "no metric gatehouse_request_bytes_total"),
    ]
    files = read()
    failed = 0
    for change, expected in cases:
        changed = copy.deepcopy(files)
        change(changed)
        errors = list(check(**changed))
        if not any(expected in error for error in errors):
            print(f"expected {expected!r}, got {errors or 'none'}")
            failed += 1
    if not list(check_parses([("a", "sum(up"), ("b", "up")])):
        print("an expression that does not parse is not found")
        failed += 1
    print(f"{len(cases) + 1 - failed} passed, {failed} failed")
    return failed


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test() != 0
    files = read()
    errors = list(check(**files))
    errors += promtool("check", "rules", RULES.name, cwd=RULES.parent)
    errors += promtool("test", "rules", TESTS.name, cwd=TESTS.parent)
    queries = list(queries_of(files["board"]))
    errors += check_parses(queries)
    alerts = sum("alert" in rule for group in files["rules"]["groups"] for rule in group["rules"])
    print("\n".join(errors) if errors else f"{alerts} alerts and {len(queries)} queries of the board ask for what there is")
    return bool(errors)


if __name__ == "__main__":
    sys.exit(main())
