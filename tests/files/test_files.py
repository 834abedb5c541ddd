"""Files appear whole or not at all: with real faults, a full disk, a limit, a kill, a race."""

# os beside pathlib, as in the module under test; a file's own block is what is to raise
# ruff: noqa: PTH116, PTH208, PT012
from __future__ import annotations

import ast
import errno
import os
import re
import signal
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from attncli import files
from attncli.errors import InputError, OutputError
from attncli.files import (
    AtomicFile,
    append_lines,
    is_temporary,
    path_text,
    read_bytes,
    reading,
    refuse_existing,
    write_atomically,
    write_together,
    writing,
)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refusal(error):
    return str(error.value), error.value.hint


def names():
    return sorted(os.listdir())


def run(script, **options):
    return subprocess.Popen([sys.executable, "-c", script], **options)


def test_a_file_has_what_was_written_and_the_umasks_mode():
    before = os.umask(0o027)
    try:
        write_atomically("out", [b"one ", memoryview(b"two "), bytearray(b"three")])
    finally:
        os.umask(before)
    assert read_bytes("out") == b"one two three"
    assert stat.S_IMODE(os.stat("out").st_mode) == 0o640
    assert names() == ["out"]


def test_an_existing_file_is_refused_without_force(folder):
    (folder / "out").write_bytes(b"old")
    with pytest.raises(OutputError) as error:
        write_atomically("out", [b"new"])
    assert refusal(error) == ("out: exists already", "--force replaces it")
    assert read_bytes("out") == b"old"


def test_force_keeps_the_mode_of_the_file_it_replaces(folder):
    (folder / "out").write_bytes(b"old")
    (folder / "out").chmod(0o604)
    write_atomically("out", [b"new"], force=True)
    assert read_bytes("out") == b"new"
    assert stat.S_IMODE(os.stat("out").st_mode) == 0o604
    assert names() == ["out"]


def test_a_file_that_came_meanwhile_is_not_replaced(folder):
    with pytest.raises(OutputError) as error, AtomicFile("out") as file:
        file.write(b"ours")
        (folder / "out").write_bytes(b"theirs")
    assert refusal(error) == ("out: exists already", "--force replaces it")
    assert read_bytes("out") == b"theirs"
    assert names() == ["out"]


@pytest.mark.parametrize("comes_first", [False, True])
def test_without_hard_links_a_file_that_came_meanwhile_is_not_replaced_either(folder, monkeypatch, comes_first):
    def no_link(*_):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(writing.os, "link", no_link)
    if comes_first:
        with pytest.raises(OutputError), AtomicFile("out") as file:
            file.write(b"ours")
            (folder / "out").write_bytes(b"theirs")
    else:
        write_atomically("out", [b"ours"])
    assert read_bytes("out") == (b"theirs" if comes_first else b"ours")
    assert names() == ["out"]


def test_a_symlink_stays_and_its_target_is_replaced(folder):
    (folder / "deep").mkdir()
    (folder / "deep" / "target").write_bytes(b"old")
    (folder / "out").symlink_to("deep/target")
    write_atomically("out", [b"new"], force=True)
    assert (folder / "out").is_symlink()
    assert (folder / "deep" / "target").read_bytes() == b"new"
    assert os.listdir("deep") == ["target"]


def test_a_symlink_to_nothing_yet_gets_its_target(folder):
    (folder / "out").symlink_to("target")
    write_atomically("out", [b"new"])
    assert (folder / "out").is_symlink()
    assert (folder / "target").read_bytes() == b"new"


def test_a_fifo_is_written_to(folder):
    os.mkfifo("pipe")
    with ThreadPoolExecutor() as pool:
        reader = pool.submit((folder / "pipe").read_bytes)
        write_atomically("pipe", [b"x" * 100_000, b"y"])
        assert reader.result() == b"x" * 100_000 + b"y"
    assert stat.S_ISFIFO(os.stat("pipe").st_mode)


def test_a_device_is_written_to_and_stays_one():
    write_atomically("/dev/null", [b"x"])
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_standard_output_by_name_goes_where_it_was_sent_between_what_comes_before_and_after(folder):
    script = "import os; from attncli.files import write_atomically as w; os.write(1, b'a'); w({!r}, [b'xyz'])"
    script += "; os.write(1, b'b')"
    with (folder / "caught").open("wb") as caught:
        for name in ("/dev/stdout", "/dev/fd/1"):
            assert run(script.format(name), stdout=caught).wait() == 0
        caught.write(b"!")
    assert (folder / "caught").read_bytes() == b"axyzb" * 2 + b"!"
    shown = subprocess.run([sys.executable, "-c", script.format("/dev/stdout")], capture_output=True, check=True)
    assert shown.stdout == b"axyzb"


def test_standard_output_by_name_needs_no_suffix_wherever_it_goes(folder):
    with (folder / "caught").open("wb") as caught:
        words = ["run", "1", "1", "2", "-q", "-o", "/dev/stdout"]
        assert subprocess.run([sys.executable, "-m", "attncli", *words], stdout=caught, check=False).returncode == 0
    assert (folder / "caught").read_bytes() == b"2.0\n"


# path, the whole message, the hint, the hint
REFUSED = [
    ("there", "there: is a folder; expected a file", "name a file in it"),
    ("new/", "new/: names a folder; expected a file", "name a file in it"),
    ("no/such/out", "no/such/out: there is no folder no/such", "mkdir -p no/such"),
    ("file/out", "file/out: not a directory", None),
    ("", "'': is not a valid file name", None),
    ("a\0b", "a\\x00b: is not a valid file name", None),
    ("o" * 300, f"{'o' * 300}: file name too long", None),
    ("loop", "loop: too many levels of symbolic links", None),
    ("no\nsuch/\udcff\x1b", "no\\nsuch/\\xff\\x1b: there is no folder no\\nsuch", "mkdir -p no\\nsuch"),
]


@pytest.mark.parametrize(("path", "message", "hint"), REFUSED)
@pytest.mark.parametrize("how", [lambda p: write_atomically(p, [b"x"]), lambda p: refuse_existing([p], force=True)])
def test_what_cannot_be_written_is_refused_before_anything_is(folder, path, message, hint, how):
    (folder / "there").mkdir()
    (folder / "file").write_bytes(b"")
    (folder / "loop").symlink_to("loop")
    before = names()
    with pytest.raises(OutputError) as error:
        how(path)
    assert refusal(error) == (message, hint)
    assert names() == before


def test_of_several_files_none_is_written_where_one_exists(folder):
    (folder / "b").write_bytes(b"old")
    with pytest.raises(OutputError) as error:
        refuse_existing(["a", "b"], force=False)
    assert refusal(error) == ("b: exists already", "--force replaces it")
    refuse_existing(["a", "b", "/dev/null"], force=True)
    assert names() == ["b"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_without_write_permission_is_refused(folder):
    (folder / "locked").mkdir(mode=0o555)
    with pytest.raises(OutputError) as error:
        refuse_existing(["locked/out"], force=False)
    assert refusal(error) == ("locked/out: its folder cannot be written to", None)


def test_a_full_device_is_an_error():
    with pytest.raises(OutputError) as error:
        write_atomically("/dev/full", [b"x"])
    assert refusal(error) == ("/dev/full: no space left on device", None)


LIMITED = """
import resource, sys
sys.dont_write_bytecode = True  # Python would cut it off
from attncli.errors import OutputError
from attncli.files import AtomicFile, append_lines
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    {}
except OutputError as error:
    sys.exit(str(error))
"""
WRITES = [
    "\n    with AtomicFile('out', force=True) as file: file.write(b'x' * 1001)",
    "\n    with AtomicFile('out', force=True) as file: [file.write(b'x' * 7) for _ in range(1000)]",
    "\n    with AtomicFile('out', force=True) as file: file.write_at(990, b'x' * 11)",
    "\n    with AtomicFile('out', force=True) as file: file.reserve(1001)",
    "append_lines('out', 'x' * 1000)",
]


@pytest.mark.parametrize("write", WRITES)
def test_a_file_that_does_not_fit_leaves_the_old_one(folder, write):
    (folder / "out").write_bytes(b"old\n")
    process = run(LIMITED.format(write), stderr=subprocess.PIPE)
    assert process.communicate()[1] == b"out: file too large\n"
    assert process.returncode == 1
    assert read_bytes("out") == b"old\n"
    assert names() == ["out"]


@pytest.mark.parametrize("last", ["/dev/full", "none/b"])
def test_files_of_one_command_appear_together_or_not_at_all(folder, last):
    (folder / "old").write_bytes(b"old")
    with pytest.raises(OutputError):
        write_together({"a": [b"x" * 2_000_000], "old": [b"new"], last: [b"y"]}, force=True)
    assert names() == ["old"]
    assert read_bytes("old") == b"old"
    write_together({"a": [b"x"], "old": [b"new"], "/dev/null": [b"y"]}, force=True)
    assert [read_bytes(name) for name in names()] == [b"x", b"new"]


def test_an_interruption_of_the_last_file_leaves_none_of_them():
    def chunks():
        yield b"x" * 2_000_000
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_together({"a": [b"x"], "b": chunks()})
    assert names() == []


@pytest.mark.parametrize("fault", [KeyboardInterrupt, OSError(5, "Input/output error"), SystemExit])
@pytest.mark.parametrize("call", ["open", "chmod", "write", "fsync", "close", "replace"])
def test_a_fault_in_any_call_leaves_the_old_file_alone(folder, monkeypatch, call, fault):
    (folder / "out").write_bytes(b"old")

    def fail(*_):
        raise fault

    with monkeypatch.context() as patch:
        patch.setattr(writing.os, call, fail)
        with pytest.raises((OutputError, KeyboardInterrupt, SystemExit)):
            write_atomically("out", [b"new"], force=True)
    assert read_bytes("out") == b"old"
    assert names() == ["out"]


def test_short_writes_are_continued(monkeypatch):
    write, pwrite = os.write, os.pwrite
    monkeypatch.setattr(writing.os, "write", lambda descriptor, data: write(descriptor, data[:7]))
    monkeypatch.setattr(writing.os, "pwrite", lambda descriptor, data, offset: pwrite(descriptor, data[:7], offset))
    with AtomicFile("out") as file:
        file.write(bytes(range(100)))
        file.write_at(100, bytes(range(100, 200)))
    assert read_bytes("out") == bytes(range(200))


def test_an_error_in_the_work_leaves_nothing():
    with pytest.raises(ZeroDivisionError), AtomicFile("out") as file:
        file.write(b"x")
        file.write(b"x" * (1 << 21))
        raise ZeroDivisionError
    assert names() == []


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGINT])
def test_a_kill_leaves_the_old_file(folder, ending):
    (folder / "out").write_bytes(b"old")
    script = """
import time
from attncli.files import AtomicFile
with AtomicFile("out", force=True) as file:
    file.write(b"x" * (1 << 21))
    print("written", flush=True)
    time.sleep(60)
"""
    process = run(script, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout.readline() == b"written\n"
    process.send_signal(ending)
    process.communicate()
    assert read_bytes("out") == b"old"
    left = [name for name in names() if name != "out"]
    assert all(map(is_temporary, left))
    assert len(left) == (ending == signal.SIGKILL)


def test_threads_write_at_offsets():
    with AtomicFile("out") as file:
        file.reserve(80_008)
        file.write(b"header: ")
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda i: file.write_at(8 + i * 1000, bytes([i]) * 1000), range(80)))
    assert read_bytes("out") == b"header: " + b"".join(bytes([i]) * 1000 for i in range(80))


def test_a_device_has_no_offsets():
    with pytest.raises(OutputError) as error, AtomicFile("/dev/null") as file:
        assert file.is_direct
        file.reserve(100)
        file.write_at(0, b"x")
    assert refusal(error) == ("/dev/null: is written in order: a device has no offsets", None)


@pytest.mark.parametrize("name", ["n" * 255, "é" * 127, "\udcff\udcfe", "a\nb", "-", "~", "日本"])
def test_any_name_that_a_file_can_have_is_written(name):
    write_atomically(name, [b"x"])
    write_atomically(name, [b"y"], force=True)
    assert (read_bytes(name), names()) == (b"y", [name])


# path, the whole message, the hint
UNREADABLE = [
    ("no", "no: no such file", None),
    (".", ".: is a folder, not a file", "name a file in it"),
    ("n\x1bo\udc80", "n\\x1bo\\x80: no such file", None),
    ("a\0b", "a\\x00b: is not a valid file name", None),
    ("/dev/zero", "/dev/zero: is an endless device", "name a file"),
]


@pytest.mark.parametrize(("path", "message", "hint"), UNREADABLE)
def test_what_cannot_be_read_is_an_input_error(path, message, hint, monkeypatch):
    monkeypatch.setattr(reading, "ENDLESS", 1 << 16)
    with pytest.raises(InputError) as error:
        read_bytes(path)
    assert refusal(error) == (message, hint)


def test_a_pipe_is_read_to_its_end():
    os.mkfifo("pipe")
    thread = threading.Thread(target=lambda: write_atomically("pipe", [b"x" * 200_000]))
    thread.start()
    assert read_bytes("pipe") == b"x" * 200_000
    thread.join()


def test_a_shown_path_has_no_control_characters():
    assert path_text("plain é 日本") == "plain é 日本"
    assert path_text("a\nb\x1b[31m\u202e\udcff\ud800") == "a\\nb\\x1b[31m\\u202e\\xff\\ud800"


def test_lines_are_appended_whole(folder):
    append_lines("log", "one")
    append_lines("log", "two é")
    with (folder / "log").open("ab") as log:
        log.write(b"torn")
    append_lines("log", "three")
    assert (folder / "log").read_text(encoding="utf-8") == "one\ntwo é\ntorn\nthree\n"


def test_a_line_that_cannot_be_written_whole_is_taken_away_again(folder, monkeypatch):
    (folder / "log").write_bytes(b"one\n")
    write = os.write

    def half(descriptor, data):
        if len(data) < 5:
            raise OSError(28, "No space left on device")
        return write(descriptor, data[:-4])

    monkeypatch.setattr(writing.os, "write", half)
    with pytest.raises(OutputError) as error:
        append_lines("log", "two, three")
    assert refusal(error) == ("log: no space left on device", None)
    assert read_bytes("log") == b"one\n"


@pytest.mark.parametrize(("lines", "kept"), [(["x" * 1200], 0), (["x" * 500, "y" * 500], 1), (["x" * 9] * 200, 99)])
def test_the_lines_that_fit_on_a_disk_that_fills_up_stay(folder, lines, kept):
    (folder / "out").write_bytes(b"old\n")
    process = run(LIMITED.format(f"append_lines('out', {chr(10).join(lines)!r})"), stderr=subprocess.PIPE)
    assert process.communicate()[1] == b"out: file too large\n"
    assert (folder / "out").read_text() == "".join(f"{line}\n" for line in ["old", *lines[:kept]])


def test_lines_that_may_not_be_on_the_disk_are_taken_away_again(folder, monkeypatch):
    (folder / "log").write_bytes(b"one\n")

    def fail(_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(writing.os, "fsync", fail)
    with pytest.raises(OutputError):
        append_lines("log", "two\nthree")
    assert read_bytes("log") == b"one\n"


# what a module may ask of the system without looking at a file: names, processes, terminals
HARMLESS = {
    *("os.environ", "os.PathLike", "os.fspath", "os.fsencode", "os.fsdecode", "os.sep", "os.path", "os.devnull"),
    *(
        "os.cpu_count",
        "os.sched_getaffinity",
        "os.sched_setaffinity",
        "os.register_at_fork",
        "os._exit",
        "os.dup2",
        "os.get_terminal_size",
    ),
    *(f"os.path.{name}" for name in ("join", "abspath", "basename", "dirname", "relpath", "split", "splitext")),
}
# standard output with a buffer, or /dev/null in its place
STREAMS = {
    ("cli/output.py", "os.fdopen"),
    *(("cli/output.py", name) for name in ("os.open", "os.O_WRONLY", "os.close")),
}
# where attncli itself lies, for the hint that installs an extra
INSTALLATION = {
    *(("errors.py", name) for name in ("os.path.exists", "os.path.isdir", "os.getcwd")),
    ("errors.py", "distribution('attncli').read_text"),
}
OTHER_WAYS = {"mmap", "shutil", "tempfile", "glob", "fcntl"}
METHODS = {"read_text", "read_bytes", "write_text", "write_bytes", "unlink", "mkdir", "touch", "iterdir", "is_file"}


def touching(tree):
    """Whatever in a module reaches a file past attncli.files."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            text = ast.unparse(node)
            if node.attr in METHODS or (re.fullmatch(r"os\.(path\.)?\w+", text) and text not in HARMLESS):
                yield text
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "open":
            yield "open"
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names = {node.module} if isinstance(node, ast.ImportFrom) else {alias.name for alias in node.names}
            yield from names & OTHER_WAYS


def test_no_other_module_touches_a_file():
    package = Path(files.__file__).parent.parent
    found = {
        (path.relative_to(package).as_posix(), what)
        for path in package.rglob("*.py")
        if path.parent.name != "files"
        for what in touching(ast.parse(path.read_text()))
    }
    assert found == STREAMS | INSTALLATION
