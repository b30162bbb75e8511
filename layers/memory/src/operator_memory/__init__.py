"""Operator Memory: persistent user, agent and session memory for an agent platform.

``domain`` decides, ``application`` orchestrates through ports, ``adapters`` talk to one external system
each, ``entrypoints`` turn the outside world into calls and choose the adapters.
"""

__version__ = "0.1.0"
