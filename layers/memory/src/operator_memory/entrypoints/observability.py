"""Logs and metrics. Standard library only; no personal text ever goes through here.

Lambda's own JSON log format turns standard logging into structured lines. Metrics are CloudWatch's embedded
metric format: one JSON line on standard output, no call to any service.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import json
import logging
import sys
import time
from collections.abc import Mapping

NAMESPACE = "OperatorMemory"


def configure_logging(level: str) -> None:
    """Set the product's log level; the handler is the Lambda runtime's own.

    Libraries may say INFO and above, even where the function's own setting in AWS is DEBUG: their debug lines hold
    what they were given (Powertools a route's arguments, botocore a message's body), and with it what people said.
    """
    logging.getLogger("operator_memory").setLevel(level)
    root = logging.getLogger()
    root.setLevel(max(root.level, logging.INFO))


def emit_metrics(function: str, values: Mapping[str, tuple[float, str]]) -> None:
    """Write ``values`` (name -> number and CloudWatch unit, e.g. ``Milliseconds``) as one metric line."""
    line = {
        "_aws": {
            "Timestamp": int(time.time() * 1000),
            "CloudWatchMetrics": [
                {
                    "Namespace": NAMESPACE,
                    "Dimensions": [["Function"]],
                    "Metrics": [{"Name": name, "Unit": unit} for name, (_, unit) in values.items()],
                }
            ],
        },
        "Function": function,
        **{name: number for name, (number, _) in values.items()},
    }
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def emit_counts(function: str, counts: Mapping[str, int]) -> None:
    """Write ``counts`` as one metric line."""
    emit_metrics(function, {name: (number, "Count") for name, number in counts.items()})
