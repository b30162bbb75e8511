"""CloudFormation's functions, resolved as a deployment to one machine would resolve them.

Only what a template of ours may need; anything else is an error that names it, so that a template never
means one thing in AWS and another here.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

Json = Any  # a YAML document's own types: dict, list, str, int, float, bool, None
REGION, ACCOUNT = "us-east-1", "123456789012"
PSEUDO = {
    "AWS::Region": REGION,
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
    "AWS::StackName": "local",
}
_PLACEHOLDER = re.compile(r"\$\{(!?)([^}]+)\}")


class TemplateError(ValueError):
    """The template says something that cannot be carried out here; the message says where and what."""


class _Loader(yaml.SafeLoader):
    """Safe YAML, plus the short forms ``!Ref x`` of CloudFormation's functions."""


def _short_form(loader: _Loader, suffix: str, node: yaml.Node) -> Json:
    value: Json
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    elif isinstance(node, yaml.MappingNode):
        value = loader.construct_mapping(node, deep=True)
    else:
        raise TemplateError(f"!{suffix}: unexpected value")
    if suffix in ("Ref", "Condition"):
        return {suffix: value}
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_form)


def load_yaml(path: Path) -> dict[str, Json]:
    """The template as plain data, functions in their long form (``{"Fn::Sub": ...}``)."""
    try:
        document = yaml.load(path.read_text(), _Loader)
    except yaml.YAMLError as error:
        raise TemplateError(f"{path.name} is not YAML: {error}") from error
    if not isinstance(document, dict):
        raise TemplateError(f"{path.name} is not a template")
    return document


class Resolver:
    """Gives values for the functions of one template."""

    def __init__(
        self,
        template: Mapping[str, Json],
        parameters: Mapping[str, str],
        *,
        reference: Callable[[str], str],
        attribute: Callable[[str, str], str],
    ) -> None:
        """``reference`` gives the value of Ref to a resource, ``attribute`` that of GetAtt."""
        self._declared: Mapping[str, Json] = template.get("Parameters", {})
        self._conditions: Mapping[str, Json] = template.get("Conditions", {})
        self._given = parameters
        self._reference = reference
        self._attribute = attribute
        unknown = sorted(set(parameters) - set(self._declared))
        if unknown:
            raise TemplateError(f"the template has no parameter {', '.join(unknown)}")

    def resolve(self, value: Json) -> Json:
        """``value`` with every function replaced by what it gives; a removed property is left out."""
        if isinstance(value, list):
            return [self.resolve(item) for item in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            (name, argument) = next(iter(value.items()))
            if name == "Ref":
                return self._ref(argument)
            if name.startswith("Fn::"):
                return self._function(name, argument)
        return {key: self.resolve(item) for key, item in value.items() if item != {"Ref": "AWS::NoValue"}}

    def _function(self, name: str, argument: Json) -> Json:
        functions: dict[str, Callable[[Json], Json]] = {
            "Fn::GetAtt": lambda given: self._attribute(given[0], given[1]),
            "Fn::Sub": self._sub,
            "Fn::Join": lambda given: str(given[0]).join(str(part) for part in self.resolve(given[1])),
            "Fn::Select": lambda given: self.resolve(given[1])[int(given[0])],
            "Fn::Split": lambda given: str(self.resolve(given[1])).split(given[0]),
            "Fn::If": lambda given: self.resolve(given[1] if self.condition({"Condition": given[0]}) else given[2]),
        }
        if name not in functions:
            raise TemplateError(f"{name} is not known here")
        return functions[name](argument)

    def condition(self, value: Json) -> bool:
        """Whether a condition (``Fn::Equals`` and so on, or a reference to one) holds."""
        (name, argument) = next(iter(value.items()))
        if name == "Condition":
            if argument not in self._conditions:
                raise TemplateError(f"there is no condition {argument}")
            return self.condition(self._conditions[argument])
        if name == "Fn::Equals":
            left, right = (str(self.resolve(side)) for side in argument)
            return left == right
        if name in ("Fn::Not", "Fn::And", "Fn::Or"):
            holds = [self.condition(item) for item in argument]
            return {"Fn::Not": not holds[0], "Fn::And": all(holds), "Fn::Or": any(holds)}[name]
        raise TemplateError(f"{name} is not known here as a condition")

    def _ref(self, name: str) -> str:
        if name in PSEUDO:
            return PSEUDO[name]
        if name in self._given:
            return self._given[name]
        if name in self._declared:
            if "Default" not in self._declared[name]:
                raise TemplateError(f"parameter {name} has no value")
            return str(self._declared[name]["Default"])
        return self._reference(name)

    def _sub(self, argument: Json) -> str:
        text, variables = (argument, {}) if isinstance(argument, str) else (argument[0], argument[1])

        def value(match: re.Match[str]) -> str:
            literal, name = match.groups()
            if literal:
                return "${" + name + "}"
            if name in variables:
                return str(self.resolve(variables[name]))
            return str(self._attribute(*name.split(".", 1)) if "." in name else self._ref(name))

        return _PLACEHOLDER.sub(value, text)
