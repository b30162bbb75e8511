"""A signal ends a program whichever of its threads receives it."""

import signal
import subprocess
import sys
import textwrap

import pytest

from devstack.stack import ROOT
from tests.support.time_outs import AMPLE

PROGRAM = textwrap.dedent("""
    import signal, sys, threading
    from devstack.endings import Endings
    endings = Endings()
    signal.signal(signal.SIGTERM, lambda number, _: endings.put(number))
    def elsewhere():  # the kernel gives a signal to a thread that asks for it
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
    if sys.argv[1] == "thread":
        threading.Timer(0.2, elsewhere).start()
    elif sys.argv[1] == "report":
        threading.Timer(0.2, lambda: endings.put("a part has ended")).start()
    print("ready", flush=True)
    print(endings.get())
""")


@pytest.mark.parametrize(("how", "said"), [("process", "15"), ("thread", "15"), ("report", "a part has ended")])
def test_the_main_thread_is_woken(how: str, said: str) -> None:
    command = [sys.executable, "-c", PROGRAM, how]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
        if how == "process":
            program.send_signal(signal.SIGTERM)
        assert program.wait(AMPLE) == 0
        assert program.stdout.read().strip() == said
