"""What a specification must keep beyond its form: no circle, nothing dangling, no name that nobody gives."""

from __future__ import annotations

from kernel.errors import Invalid
from oss.specs import templates
from oss.specs.model import Component, Specification
from oss.specs.pools import POOLS
from oss.specs.source import Document, Place
from oss.specs.tasks import VERBS, TaskSpec

ALIAS = "alias"
"""The value every service has: its own id, as a technician finds it on the element."""
THROTTLE = "throttle"
"""The value that stands only in `throttled` fields."""


def check(spec: Specification, document: Document) -> None:
    """Raises Invalid with file, line and place of the first thing that does not hold together."""
    given = set(spec.characteristics) | {ALIAS}
    for reserved in sorted({ALIAS, THROTTLE} & spec.characteristics.keys()):
        raise document.wrong(("characteristics", reserved), "this name is the house's own", fix="use another")
    aliases: set[str] = set()
    for position, need in enumerate(spec.resources):
        place: Place = ("resources", position)
        if need.pool not in POOLS:
            fix = f"use one of {', '.join(POOLS)}"
            raise document.wrong((*place, "pool"), f"there is no pool {need.pool!r}", fix=fix)
        fresh = set(POOLS[need.pool].value_names(need.alias).values())
        if need.alias in aliases or fresh & given:
            raise document.wrong((*place, "as"), f"{need.alias!r} is taken", fix="call each resource differently")
        aliases.add(need.alias)
        given |= fresh
    _graph(spec, document)
    for position, component in enumerate(spec.components):
        if component.on not in aliases:
            fix = f"name one of {', '.join(sorted(aliases)) or 'resources, of which there are none'}"
            raise document.wrong(("components", position, "on"), f"no resource is called {component.on!r}", fix=fix)
        _fields(component, ("components", position), given, spec, document)
    _tasks(spec, given, document)


def _graph(spec: Specification, document: Document) -> None:
    names: dict[str, int] = {}
    for position, component in enumerate(spec.components):
        if component.name in names:
            place: Place = ("components", position, "name")
            raise document.wrong(place, f"{component.name!r} stands twice", fix="name each component differently")
        names[component.name] = position
    for position, component in enumerate(spec.components):
        for nth, required in enumerate(component.requires):
            if required not in names:
                place = ("components", position, "requires", nth)
                raise document.wrong(place, f"no component is called {required!r}", fix=f"have: {', '.join(names)}")
    circle = _circle({component.name: component.requires for component in spec.components})
    if circle:
        place = ("components", names[circle[0]], "requires")
        raise document.wrong(place, f"a circle: {' > '.join(circle)}", fix="take one of these requirements away")


def _circle(requires: dict[str, tuple[str, ...]]) -> list[str]:
    """One circle of requirements, its first name again at its end; empty when there is none."""
    done: set[str] = set()
    for start in requires:
        path: list[str] = []
        if found := _walk(start, requires, path, done):
            return found
    return []


def _walk(name: str, requires: dict[str, tuple[str, ...]], path: list[str], done: set[str]) -> list[str]:
    if name in path:
        return [*path[path.index(name) :], name]
    if name in done:
        return []
    path.append(name)
    for required in requires[name]:
        if found := _walk(required, requires, path, done):
            return found
    done.add(path.pop())
    return []


def _fields(component: Component, place: Place, given: set[str], spec: Specification, document: Document) -> None:
    _names(component.key, (*place, "key"), given, document)
    for nth, field in enumerate(component.exclusive):
        if field not in component.state:
            fix = f"name one of {', '.join(component.state)}"
            raise document.wrong((*place, "exclusive", nth), f"no field is called {field!r}", fix=fix)
    for part in ("state", "soft", "hard", "throttled"):
        known = given | {THROTTLE} if part == "throttled" else given
        for field, value in getattr(component, part).items():
            where = (*place, part, field)
            if part != "state" and field not in component.state:
                fix = f"give it in state too, or use one of {', '.join(component.state)}"
                raise document.wrong(where, "an open line would never set it back", fix=fix)
            if field == "present":
                raise document.wrong(where, "presence is not a specification's to say", fix="leave it out")
            _names(value, where, known, document)
    if component.throttled and spec.throttle is None:
        raise document.wrong(
            (*place, "throttled"), "no throttle is declared", fix="give the service a throttle grammar"
        )


def _names(value: str | int | bool, place: Place, given: set[str], document: Document) -> None:
    try:
        unknown = sorted(templates.names(value) - given)
    except Invalid as error:
        raise document.wrong(place, error.message, fix=error.fix) from error
    if unknown:
        raise document.wrong(place, f"nobody gives {{{unknown[0]}}}", fix=f"known: {', '.join(sorted(given))}")


# ---- tasks that no element answers


def _tasks(spec: Specification, given: set[str], document: Document) -> None:
    names = [component.name for component in spec.components]
    for position, task in enumerate(spec.tasks):
        place: Place = ("tasks", position)
        if task.name in names:
            raise document.wrong((*place, "name"), f"{task.name!r} stands twice", fix="name each task differently")
        names.append(task.name)
        for nth, verb in enumerate(task.verbs):
            if verb not in VERBS:
                fix = f"use one of {', '.join(VERBS)}"
                raise document.wrong((*place, "verbs", nth), f"there is no verb {verb!r}", fix=fix)
        for part in ("correlation", "at"):
            text = getattr(task, part)
            if text is not None:
                _names(text, (*place, part), given, document)
    for position, task in enumerate(spec.tasks):
        _edges(spec, task, position, names, document)
    for verb in VERBS:
        _no_circle(spec, verb, document)


def _edges(spec: Specification, task: TaskSpec, position: int, names: list[str], document: Document) -> None:
    for part in ("requires", "before"):
        for nth, other in enumerate(getattr(task, part)):
            if other not in names:
                place: Place = ("tasks", position, part, nth)
                fix = f"have: {', '.join(names)}"
                raise document.wrong(place, f"no component or task is called {other!r}", fix=fix)


def _no_circle(spec: Specification, verb: str, document: Document) -> None:
    mine = [task for task in spec.tasks if verb in task.verbs]
    if mine and (circle := _circle(edges(spec, mine, reverse=verb == "terminate"))):
        position = next(n for n, task in enumerate(spec.tasks) if task.name in circle)
        message = f"a circle in {verb}: {' > '.join(circle)}"
        raise document.wrong(("tasks", position, "requires"), message, fix="take one of these away")


def edges(spec: Specification, tasks: list[TaskSpec], *, reverse: bool) -> dict[str, tuple[str, ...]]:
    """What each component and task comes after; the components the other way round when a line is taken down."""
    found = {component.name: set(component.requires) for component in spec.components}
    if reverse:
        found = {name: {c.name for c in spec.components if name in c.requires} for name in found}
    found |= {task.name: set(task.requires) for task in tasks}
    for task in tasks:
        for other in task.before:
            if other in found:
                found[other].add(task.name)
    return {name: tuple(sorted(others & found.keys())) for name, others in found.items()}
