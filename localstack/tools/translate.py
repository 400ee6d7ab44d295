"""Prints what SAM makes of a template, for linters: they see faults there that the source hides."""

import json
import sys

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse


class NoManagedPolicies:
    """The template names none, so nothing has to be looked up in an account."""

    def load(self):
        return {}


template_path, region = sys.argv[1:3]
with open(template_path, encoding="utf-8") as file:
    template = yaml_parse(file.read())
for resource in template["Resources"].values():
    properties = resource.get("Properties", {})
    if resource["Type"] == "AWS::Serverless::Function":
        # `sam deploy` uploads the folder and writes the place in here.
        properties["CodeUri"] = "s3://packages/package"
json.dump(transform(template, {}, NoManagedPolicies()), sys.stdout, indent=1)
