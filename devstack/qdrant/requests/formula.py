"""The API's formula JSON into the engine's expression."""

import qdrant_edge as edge

from devstack.qdrant.aliases import EngineObject, Json
from devstack.qdrant.errors import format_error, unsupported
from devstack.qdrant.jsonio import as_list, as_object, known_keys, required
from devstack.qdrant.requests.filters import parse_condition

_MANY: dict[str, EngineObject] = {
    "mult": edge.Expression.Mult,
    "sum": edge.Expression.Sum,
    "max": edge.Expression.Max,
    "min": edge.Expression.Min,
}
_ONE: dict[str, EngineObject] = {
    "neg": edge.Expression.Neg,
    "abs": edge.Expression.Abs,
    "sqrt": edge.Expression.Sqrt,
    "exp": edge.Expression.Exp,
    "log10": edge.Expression.Log10,
    "ln": edge.Expression.Ln,
    "acosh": edge.Expression.Acosh,
}
_DECAYS: dict[str, EngineObject] = {
    "lin_decay": edge.DecayKind.Lin,
    "exp_decay": edge.DecayKind.Exp,
    "gauss_decay": edge.DecayKind.Gauss,
}
_CONDITION_KEYS = ("key", "must", "should", "must_not", "min_should", "is_empty", "is_null", "has_id", "nested")


def _div(value: Json) -> EngineObject:
    parts = known_keys(value, ("left", "right", "by_zero_default"), "div")
    left, right = (parse_expression(required(parts, side, "div")) for side in ("left", "right"))
    return edge.Expression.Div(left, right, parts.get("by_zero_default"))


def _pow(value: Json) -> EngineObject:
    parts = known_keys(value, ("base", "exponent"), "pow")
    base, exponent = (parse_expression(required(parts, part, "pow")) for part in ("base", "exponent"))
    return edge.Expression.Pow(base, exponent)


def _geo_distance(value: Json) -> EngineObject:
    parts = known_keys(value, ("origin", "to"), "geo_distance")
    origin = known_keys(required(parts, "origin", "geo_distance"), ("lon", "lat"), "geo_distance.origin")
    point = edge.GeoPoint(required(origin, "lon", "origin"), required(origin, "lat", "origin"))
    return edge.Expression.GeoDistance(point, required(parts, "to", "geo_distance"))


def _decay(kind: EngineObject, value: Json) -> EngineObject:
    parts = known_keys(value, ("x", "target", "midpoint", "scale"), "decay")
    return edge.Expression.Decay(
        kind,
        parse_expression(required(parts, "x", "decay")),
        parse_expression(parts["target"]) if "target" in parts else None,
        parts.get("midpoint"),
        parts.get("scale"),
    )


_SHAPED: dict[str, EngineObject] = {
    "div": _div,
    "pow": _pow,
    "geo_distance": _geo_distance,
    "datetime": edge.Expression.Datetime,
    "datetime_key": edge.Expression.DatetimeKey,
}


def parse_expression(value: Json) -> EngineObject:
    """An expression: a number, a variable (``"$score"`` or a payload key), a condition, or an operation.

    Raises:
        QdrantError: 400 for an operation this front does not know.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return edge.Expression.Constant(float(value))
    if isinstance(value, str):
        return edge.Expression.Variable(value)
    expression = as_object(value, "expression")
    if any(key in expression for key in _CONDITION_KEYS):
        return edge.Expression.Condition(parse_condition(expression))
    if len(expression) != 1:
        raise format_error("expression: expected exactly one operation")
    ((name, operand),) = expression.items()
    if name in _MANY:
        return _MANY[name]([parse_expression(item) for item in as_list(operand, name)])
    if name in _ONE:
        return _ONE[name](parse_expression(operand))
    if name in _DECAYS:
        return _decay(_DECAYS[name], operand)
    if name in _SHAPED:
        return _SHAPED[name](operand)
    raise unsupported(f"formula operation {name}")
