"""Writes what CloudFormation asks AWS for when it makes, reads, changes and deletes a resource of each type of the stack.

    .tools/lint/bin/python tools/handler_permissions.py [--check]

AWS's schema of a resource type names the permissions of its handlers; cfn-lint has those schemas. The list is
tests/it/template/handlers.json, against which the tests hold the role that CloudFormation deploys with. For a type more,
add its name with an empty map, and run this. With --check, as in `make check`, it only says whether the list is what it
would write.
"""

import json
import pathlib
import sys

from cfnlint.data import AdditionalSpecs
from cfnlint.helpers import load_resource
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

LIST = pathlib.Path(__file__).resolve().parent.parent / "tests/it/template/handlers.json"
REGION = "eu-central-1"
# Nobody lists resources to deploy a stack.
HANDLERS = ("create", "read", "update", "delete")
# What there is to allow: the schemas also have names that IAM does not know.
ACTIONS = {
    f"{service}:{action}".lower(): details
    for service, known in load_resource(AdditionalSpecs, "Policies.json").items()
    for action, details in known["Actions"].items()
}


def of(resource_type: str) -> dict:
    """Returns the permissions of a type's handlers, those among them that IAM allows on all resources or on none, and whether
    it takes tags."""
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, resource_type).schema
    handlers, tagging = schema.get("handlers", {}), schema.get("tagging", {})
    permissions = set(tagging.get("permissions", []))
    for handler in HANDLERS:
        permissions.update(handlers.get(handler, {}).get("permissions", []))
    permissions = sorted(permission for permission in permissions if permission.lower() in ACTIONS)
    unscoped = [permission for permission in permissions if not ACTIONS[permission.lower()].get("Resources")]
    taggable = tagging.get("taggable", schema.get("taggable", True))
    return {"permissions": permissions, "unscoped": unscoped, "taggable": taggable}


def main() -> int:
    """Writes the list, or compares it."""
    known = LIST.read_text(encoding="utf-8")
    wanted = json.dumps({name: of(name) for name in sorted(json.loads(known))}, indent=2) + "\n"
    if sys.argv[1:] == ["--check"]:
        if known != wanted:
            print(f"{LIST.name} is not what cfn-lint's schemas say: run tools/handler_permissions.py, and read the difference", file=sys.stderr)
        return int(known != wanted)
    LIST.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
