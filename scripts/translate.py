#!/usr/bin/env python3
"""Prints a SAM template as the plain CloudFormation that its transform makes.

usage: translate.py TEMPLATE

A CodeUri that is a path stays one, as `aws cloudformation package` takes it.
Needs aws-sam-translator, which comes with cfn-lint, and neither network nor
credentials.
"""

import json
import os
import sys

try:
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator
    from samtranslator.yaml_helper import yaml_parse
except ImportError:
    sys.exit(
        "translate.py: this python3 has no aws-sam-translator: pip install cfn-lint,"
        " or put .aws-sam/tools/checks/bin first on PATH after make tools"
    )


def translate(path):
    with open(path, encoding="utf-8") as file:
        template = yaml_parse(file)
    paths = {}
    for name, resource in template["Resources"].items():
        properties = resource.get("Properties", {})
        if isinstance(properties.get("CodeUri"), str):
            # The translator takes only what is in S3.
            paths[name] = properties["CodeUri"]
            properties["CodeUri"] = "s3://bucket/key"
    # The translator asks boto3 for a region before it looks at the template.
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    # No managed policies: the function's role is written out in the template.
    plain = Translator({}, Parser()).translate(template, {})
    for name, code in paths.items():
        plain["Resources"][name]["Properties"]["Code"] = code
    return plain


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    json.dump(translate(sys.argv[1]), sys.stdout, indent=2)
    print()
