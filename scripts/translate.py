#!/usr/bin/env python3
"""Prints a SAM template as the plain CloudFormation that its transform makes.

usage: translate.py TEMPLATE [CODE_URI]

CODE_URI, s3://bucket/key, takes the place of the function's local CodeUri,
which only `sam build` understands. Needs aws-sam-translator, which comes with
cfn-lint, and neither network nor credentials.
"""

import json
import os
import sys

try:
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator
    from samtranslator.yaml_helper import yaml_parse
except ImportError:
    sys.exit("translate.py: aws-sam-translator is missing: pip install cfn-lint")


def translate(path, code_uri):
    with open(path, encoding="utf-8") as file:
        template = yaml_parse(file)
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = code_uri
    # The translator asks boto3 for a region before it looks at the template.
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    # No managed policies: the function's role is written out in the template.
    return Translator({}, Parser()).translate(template, {})


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    code = sys.argv[2] if len(sys.argv) == 3 else "s3://bucket/key"
    json.dump(translate(sys.argv[1], code), sys.stdout, indent=2)
    print()
