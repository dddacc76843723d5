"""Writes what CloudFormation needs to take over what a deleted stack has left.

In a folder with `left.json`, `template.json` and `parameters.json` of that stack it writes `import.json`, the part of the template
that is left, and `resources.json`, which says what is imported as what. docs/incidents.md has the commands around it.
"""

import json
import sys
from pathlib import Path

IDENTIFIERS = {
    "AWS::DynamoDB::Table": "TableName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::S3::Bucket": "BucketName",
    "AWS::SQS::Queue": "QueueUrl",
}
# What an import needs to know of a parameter. The rest, its description above all, would not fit.
OF_A_PARAMETER = ("Type", "Default", "NoEcho")
# What a change set takes in its request; a larger template has to lie in S3.
MAX_TEMPLATE_BYTES = 51_200


def main(folder):
    left = json.loads((folder / "left.json").read_text())
    template = json.loads((folder / "template.json").read_text())
    if isinstance(template, str):
        template = json.loads(template)
    parameters = json.loads((folder / "parameters.json").read_text())
    latest = {}
    for kind, name, place in left:
        # A custom resource is what a function does: nothing is left of it.
        if kind.startswith("Custom::"):
            continue
        # The newest is first; those after it were replaced by an update, and are not the stack's any more.
        latest.setdefault(name, (kind, place))
    resources = [
        {"ResourceType": kind, "LogicalResourceId": name, "ResourceIdentifier": {IDENTIFIERS[kind]: place}}
        for name, (kind, place) in sorted(latest.items())
    ]
    kept = {name: template["Resources"][name] for name in sorted(latest)}
    known = {parameter["ParameterKey"] for parameter in parameters}
    part = {
        "Parameters": {
            name: {key: declared[key] for key in OF_A_PARAMETER if key in declared}
            for name, declared in template["Parameters"].items()
            if name in known
        },
        **{name: template[name] for name in ("Conditions", "Mappings") if name in template},
        "Resources": kept,
    }
    text = json.dumps(part, separators=(",", ":"))
    (folder / "import.json").write_text(text)
    (folder / "resources.json").write_text(json.dumps(resources, indent=1))
    print(f"{len(resources)} resources are left")
    if len(text) > MAX_TEMPLATE_BYTES:
        sys.exit(f"import.json has {len(text)} bytes: put it into S3, and name it by --template-url")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
