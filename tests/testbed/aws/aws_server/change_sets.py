"""CloudFormation's change sets: moto forgets conditions, outputs and what parameters change."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from moto.batch.models import ComputeEnvironment, JobDefinition, JobQueue, batch_backends
from moto.batch.utils import lowercase_first_key
from moto.cloudformation.models import Change, ChangeSet, CloudFormationBackend, Event, Stack
from moto.cloudformation.parsing import ResourceMap, parse_and_update_resource
from moto.cloudformation.responses import CloudFormationResponse
from moto.ec2.models.route_tables import RouteTable

__all__ = ["mend_change_sets"]

_LIVE: dict[str, list[str]] = {}
"""Stack to the names of the resources that it has, in the order in which they were made."""

Difference = Mapping[str, list[str]]
"""Add, Modify and Remove, each with names of resources."""


def _difference(change_set: ChangeSet) -> Difference:
    """What changes, seen as AWS does: by conditions, and by parameters that are referred to."""
    stack, template = change_set.stack, change_set.template_dict
    live = _live(stack)
    planned = _planned(change_set)
    changed = {
        name
        for name, value in change_set.parameters.items()
        if str(stack.parameters.get(name)) != str(value)
    }
    old, new = stack.template_dict.get("Resources", {}), template["Resources"]
    return {
        "Add": [name for name in planned if name not in live],
        "Modify": [
            name
            for name in planned
            if name in live
            and (
                old.get(name) != new[name]
                or changed & set(_references(new[name], template))
                or (new[name]["Type"] == TAGS_REPLACE and _new_tags(change_set))
            )
        ],
        "Remove": [name for name in live if name not in planned],
    }


TAGS_REPLACE = "AWS::Batch::ComputeEnvironment"
"""A resource whose tags cannot be changed, so that CloudFormation makes another."""


def _new_tags(change_set: ChangeSet) -> bool:
    return dict(change_set.tags or {}) != dict(change_set.stack.tags or {})


def _live(stack: Stack) -> list[str]:
    return _LIVE.get(stack.stack_id, [])


def _planned(change_set: ChangeSet) -> list[str]:
    """The resources whose condition holds."""
    stack = change_set.stack
    fresh = ResourceMap(
        stack.stack_id,
        stack.name,
        change_set.parameters,
        {},
        stack.region_name,
        stack.account_id,
        change_set.template_dict,
        None,
    )
    fresh.load()
    return [
        name
        for name, resource in change_set.template_dict["Resources"].items()
        if "Condition" not in resource or fresh.lazy_condition_map[resource["Condition"]]
    ]


def _references(part: Any, template: Mapping[str, Any]) -> Iterator[str]:
    """Names that a part of the template refers to, also by the conditions of its choices."""
    if isinstance(part, dict):
        for key, value in part.items():
            if key == "Ref":
                yield value
            elif key == "Fn::If":
                yield from _references(template["Conditions"][value[0]], template)
            elif key == "Condition" and isinstance(value, str):
                yield from _references(template["Conditions"][value], template)
            yield from _references(value, template)
    elif isinstance(part, list):
        for item in part:
            yield from _references(item, template)


def _parse(self: ChangeSet) -> None:
    self.template_dict = json.loads(self.template)


class Replacing(Change):
    """A change that replaces its resource, as DescribeChangeSet tells it."""

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.replacement = "True"


def _diff(self: ChangeSet) -> list[Change]:
    resources = {**self.stack.template_dict.get("Resources", {}), **self.template_dict["Resources"]}
    return [
        (Replacing if resources[name]["Type"] == TAGS_REPLACE and _new_tags(self) else Change)(
            action=action, logical_resource_id=name, resource_type=resources[name]["Type"]
        )
        for action, names in _difference(self).items()
        for name in names
    ]


_create = CloudFormationBackend.create_change_set


def _create_change_set(self: CloudFormationBackend, *arguments: Any, **named: Any) -> Any:
    """Other tags alone are a change, too."""
    answer = _create(self, *arguments, **named)
    change_set = self.change_sets[answer[0]]
    if change_set.status == "FAILED" and _new_tags(change_set):
        change_set.status, change_set.execution_status = "CREATE_COMPLETE", "AVAILABLE"
    return answer


def _execute(
    self: CloudFormationBackend, change_set_name: str, stack_name: str | None = None
) -> None:
    change_set = next(
        candidate
        for candidate in self.change_sets.values()
        if change_set_name in (candidate.change_set_id, candidate.change_set_name)
    )
    stack, verb = change_set.stack, change_set.change_set_type
    stack.role_arn = change_set.role_arn or stack.role_arn
    stack._add_stack_event(f"{verb}_IN_PROGRESS", "User Initiated")
    try:
        _apply(change_set)
        stack.status = f"{verb}_COMPLETE"
        stack.tags = dict(change_set.tags or {})
    except _Failed as failure:
        _roll_back(stack, failure)
        stack.status = "ROLLBACK_COMPLETE" if verb == "CREATE" else "UPDATE_ROLLBACK_COMPLETE"
    stack._add_stack_event(stack.status)
    change_set.execution_status = "EXECUTE_COMPLETE"


class _Failed(Exception):
    def __init__(self, made: list[str]) -> None:
        super().__init__()
        self.made = made


def _apply(change_set: ChangeSet) -> None:
    difference = _difference(change_set)
    stack = change_set.stack
    before = dict(stack.template_dict.get("Resources", {}))
    _adopt(stack, change_set.template, change_set.template_dict, change_set.parameters)
    made: list[str] = []
    for name in difference["Add"]:
        _do(stack, "CREATE", name, made, lambda name=name: stack.resource_map[name])
        made.append(name)
    for name in difference["Modify"]:
        _do(stack, "UPDATE", name, made, lambda name=name: _update(stack, name))
    for name in difference["Remove"]:
        _do(stack, "DELETE", name, made, lambda name=name: _delete(stack, name, before[name]))
    removed = set(difference["Remove"])
    _LIVE[stack.stack_id] = [*(name for name in _live(stack) if name not in removed), *made]
    stack.output_map = stack._create_output_map()


def _adopt(stack: Stack, text: str, template: dict[str, Any], parameters: dict[str, str]) -> None:
    resources = stack.resource_map
    stack.template, stack.template_dict, stack.parameters = text, template, parameters
    resources._template = template
    resources._resource_json_map = template["Resources"]
    resources.input_parameters = parameters
    resources.load()


def _do(stack: Stack, verb: str, name: str, made: list[str], call: Any) -> None:
    _tell(stack, f"{verb}_IN_PROGRESS", name)
    try:
        call()
    except Exception as error:
        _tell(stack, f"{verb}_FAILED", name, str(error))
        raise _Failed(made) from error
    _tell(stack, f"{verb}_COMPLETE", name)


def _update(stack: Stack, name: str) -> None:
    resources = stack.resource_map
    document = resources._resource_json_map[name]
    if document["Type"] == "AWS::Batch::JobDefinition":
        # Registering it again makes the next revision; the earlier ones stay.
        del resources._parsed_resources[name]
        resources[name]
        return
    updated = parse_and_update_resource(
        name, document, resources, resources._account_id, resources._region_name
    )
    if updated is not None:
        resources._parsed_resources[name] = updated


def _delete(stack: Stack, name: str, document: dict[str, Any]) -> None:
    resource = stack.resource_map._parsed_resources.pop(name, None)
    if resource is not None and document.get("DeletionPolicy") != "Retain":
        stack.resource_map._delete_resource(resource, document)


def _roll_back(stack: Stack, failure: _Failed) -> None:
    stack._add_stack_event("ROLLBACK_IN_PROGRESS", "A resource failed; see above")
    for name in reversed(failure.made):
        _delete(stack, name, stack.template_dict["Resources"][name])
        _tell(stack, "DELETE_COMPLETE", name)


def _tell(stack: Stack, status: str, name: str, reason: str | None = None) -> None:
    resource = stack.resource_map._parsed_resources.get(name)
    stack.events.append(
        Event(
            stack_id=stack.stack_id,
            stack_name=stack.name,
            logical_resource_id=name,
            physical_resource_id=getattr(resource, "physical_resource_id", ""),
            resource_type=stack.template_dict["Resources"].get(name, {}).get("Type", ""),
            resource_status=status,
            resource_status_reason=reason,
            resource_properties=None,
        )
    )


def _delete_route_table(self: RouteTable, account: str, region: str) -> None:
    self.associations.clear()
    self.ec2_backend.delete_route_table(self.id)


def _delete_queue(self: JobQueue, account: str, region: str) -> None:
    batch_backends[account][region].delete_job_queue(self.arn)


def _delete_environment(self: ComputeEnvironment, account: str, region: str) -> None:
    batch_backends[account][region].delete_compute_environment(self.arn)


def _delete_definition(self: JobDefinition, account: str, region: str) -> None:
    self.deregister()


def _update_environment(
    cls: type[Any],
    /,
    original_resource: ComputeEnvironment,
    new_resource_name: str,
    cloudformation_json: dict[str, Any],
    account_id: str,
    region_name: str,
) -> ComputeEnvironment:
    resources = cloudformation_json["Properties"]["ComputeResources"]
    original_resource.compute_resources = lowercase_first_key(resources)
    return original_resource


def mend_change_sets() -> None:
    replaced: list[tuple[type, str, object]] = [
        (ChangeSet, "diff", _diff),
        (ChangeSet, "_parse_template", _parse),
        (CloudFormationBackend, "create_change_set", _create_change_set),
        (CloudFormationBackend, "execute_change_set", _execute),
        # A change set without changes is made, and fails then.
        (CloudFormationResponse, "_validate_different_update", lambda *arguments: None),
        # The templates here are JSON, which moto's reader of YAML takes a second for.
        (Stack, "parse_template", staticmethod(json.loads)),
        # Moto leaves these behind when their stack goes.
        (RouteTable, "delete", _delete_route_table),
        (JobQueue, "delete", _delete_queue),
        (ComputeEnvironment, "delete", _delete_environment),
        (JobDefinition, "delete", _delete_definition),
        (
            ComputeEnvironment,
            "update_from_cloudformation_json",
            classmethod(_update_environment),
        ),
    ]
    for owner, name, method in replaced:
        setattr(owner, name, method)
