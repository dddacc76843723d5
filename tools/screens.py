#!/usr/bin/env python3
"""Makes the pictures of the documentation from the terminal: `make screens`, while `make run` runs in another one.

Each picture is what a command shows in a terminal of its own, drawn as an SVG without any tool or network: the command runs, keys are
pressed, the escape sequences that it wrote are read by a terminal emulator (pyte), and its cells are drawn. An SVG has its
colours from the reader's theme; with --looks each is drawn at the widths that people have, on light and on dark, to be looked at.

The dashboard has no picture: CloudWatch alone draws it, from the metrics of a stack in AWS.
"""

import argparse
import fcntl
import html
import json
import os
import pathlib
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pyte

CELL_WIDTH, CELL_HEIGHT, MARGIN = 8.4, 18, 10
WIDTHS = [60, 80, 120, 200]
# Foreground and background, and the colours that the screen uses, by pyte's names, as terminals have them.
LIGHT = {"fg": "#1f2328", "bg": "#ffffff", "red": "#cf222e", "green": "#116329", "yellow": "#9a6700", "magenta": "#8250df"}
DARK = {"fg": "#e6edf3", "bg": "#0d1117", "red": "#ff7b72", "green": "#3fb950", "yellow": "#d29922", "magenta": "#bc8cff"}
LIGHT["cyan"], DARK["cyan"] = "#1b7c83", "#39c5cf"
# How long a command may take until it shows what is waited for, and how long it is quiet when it is done.
PATIENCE_S, QUIET_S = 30, 1.5


class Screen(pyte.Screen):
    """A terminal that knows dim text, which pyte does not: it takes the place of blinking, which nothing does here."""

    def select_graphic_rendition(self, *attributes, private=False):
        rest, plain = list(attributes or (0,)), []
        while rest:
            attribute = rest.pop(0)
            if attribute in (38, 48) and rest[:1] == [5] and len(rest) > 1 and rest[1] < 16:
                # One of the palette, written the long way.
                number, rest = rest[1], rest[2:]
                plain.append(attribute - 8 + number + (52 if number >= 8 else 0))
            elif attribute in (38, 48):
                plain += [attribute, *rest]
                rest = []
            else:
                plain += {2: [5], 22: [22, 25]}.get(attribute, [attribute])
        super().select_graphic_rendition(*plain)


class Terminal:
    """A program in a terminal of its own."""

    def __init__(self, command, columns, lines):
        self.screen = Screen(columns, lines)
        self.stream = pyte.ByteStream(self.screen)
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
        environment["TERM"] = "xterm-256color"
        self.process = subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
        )
        os.close(theirs)
        self.file = ours

    def read(self, seconds):
        """Takes in what comes within so many seconds; tells whether anything came."""
        if not select.select([self.file], [], [], seconds)[0]:
            return False
        try:
            written = os.read(self.file, 65536)
        except OSError:
            return False
        self.stream.feed(written)
        return bool(written)

    def wait_for(self, text):
        """Waits until the terminal shows a text, and then until it is quiet."""
        end = time.monotonic() + PATIENCE_S
        while not any(text in line for line in self.screen.display):
            if time.monotonic() > end:
                sys.exit("it never showed " + repr(text) + ":\n" + "\n".join(self.screen.display))
            self.read(0.2)
        self.settle()

    def settle(self):
        # A screen that counts seconds is never quiet for long.
        end = time.monotonic() + QUIET_S
        while time.monotonic() < end:
            self.read(max(0.0, end - time.monotonic()))

    def press(self, keys):
        for key in keys:
            os.write(self.file, key.encode())
            self.read(0.2)
        self.settle()

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=10)
        os.close(self.file)


def colour(name):
    """Names the class of a colour, of which only those of the palette below are there: whoever adds one adds it to both."""
    if name == "default":
        return "fg"
    name = {"brown": "yellow"}.get(name, name)
    if name not in LIGHT:
        sys.exit(f"the colour {name} is in no palette of tools/screens.py")
    return name


def runs(line, columns):
    """Splits a line into runs of cells that look the same: where each begins, its text, and how it looks."""
    found = []
    for column in range(columns):
        cell = line[column]
        look = (colour(cell.fg), cell.bold, cell.blink, cell.underscore, cell.reverse)
        if cell.bg != "default":
            sys.exit(f"the background {cell.bg} is set, which cannot be read everywhere")
        if found and found[-1][2] == look:
            found[-1][1] += cell.data
        else:
            found.append([column, cell.data, look])
    return found


def drawn_run(start, text, look, top):
    name, bold, dim, underlined, reversed_ = look
    x, width = MARGIN + start * CELL_WIDTH, len(text) * CELL_WIDTH
    shown, before = text.strip(), len(text) - len(text.lstrip())
    parts = []
    if reversed_:
        parts.append(f'<rect class="{name}" x="{x:.1f}" y="{top:.1f}" width="{width:.1f}" height="{CELL_HEIGHT}"/>')
        name = "bg"
    if underlined:
        y = top + CELL_HEIGHT - 2
        parts.append(f'<rect class="{name} dim" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="1"/>')
    if shown:
        classes = " ".join([name] + ["bold"] * bold + ["dim"] * dim)
        x, width = x + before * CELL_WIDTH, len(shown) * CELL_WIDTH
        parts.append(
            f'<text class="{classes}" x="{x:.1f}" y="{top + 13.5:.1f}" textLength="{width:.1f}" '
            f'lengthAdjust="spacingAndGlyphs">{html.escape(shown)}</text>'
        )
    return parts


def style(theme):
    def rules(palette):
        return " ".join(f".{name} {{ fill: {value} }}" for name, value in palette.items())

    text = "text { font: 14px ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace; white-space: pre }"
    common = f"{text} .bold {{ font-weight: bold }} .dim {{ opacity: 0.65 }}"
    themes = {
        "light": rules(LIGHT),
        "dark": rules(DARK),
        "reader": f"{rules(LIGHT)}\n@media (prefers-color-scheme: dark) {{ {rules(DARK)} }}",
    }
    return f"<style>\n{common}\n{themes[theme]}\n</style>"


def svg(screen, title, theme):
    """Draws the cells of a terminal; lines that are empty at the end are left out."""
    used = max((number for number, line in enumerate(screen.display) if line.strip()), default=0) + 1
    width, height = screen.columns * CELL_WIDTH + 2 * MARGIN, used * CELL_HEIGHT + 2 * MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" role="img" xml:space="preserve">',
        style(theme),
        f"<title>{html.escape(title)}</title>",
        f'<rect class="bg" width="{width:.0f}" height="{height:.0f}" rx="6"/>',
    ]
    for number in range(used):
        top = MARGIN + number * CELL_HEIGHT
        for start, text, look in runs(screen.buffer[number], screen.columns):
            parts += drawn_run(start, text, look, top)
    cursor = screen.cursor
    if not cursor.hidden and cursor.y < used:
        x, top = MARGIN + cursor.x * CELL_WIDTH, MARGIN + cursor.y * CELL_HEIGHT
        parts.append(f'<rect class="fg" x="{x:.1f}" y="{top:.1f}" width="2" height="{CELL_HEIGHT}"/>')
    return "\n".join([*parts, "</svg>", ""])


class Endpoint(BaseHTTPRequestHandler):
    """A program under development, to which `listen` posts: it takes all but what is about an execution."""

    def do_POST(self):
        change = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(500 if change["event"]["type"].startswith("EXECUTION.") else 200)
        self.end_headers()

    def log_message(self, *_):
        pass


def endpoint():
    """Starts the program on a port that is free, and gives its URL."""
    server = HTTPServer(("127.0.0.1", 0), Endpoint)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}/changes"


def an_order(program):
    """Finds an order that has come to an end, to be explained."""
    listed = subprocess.run(
        [program, "--local", "--json", "entities", "list", "--type", "ORDER", "--status", "FILLED", "--limit", "1"],
        capture_output=True,
        text=True,
        check=False,
    )
    entities = json.loads(listed.stdout)["entities"] if listed.returncode == 0 else []
    if not entities:
        sys.exit("no order is filled in the stack of `make run`: is it running?\n" + listed.stderr)
    return entities[0]["entity"]


def pictures(program):
    """Lists the pictures: name, title, columns, lines, command, the text that it shows first, and the keys to press then."""
    tail = [program, "--local", "tail", "--since", "1h", "--state"]
    explain = [program, "--local", "explain", an_order(program), "--limit", "2", "-v"]
    listen = [program, "--local", "listen", "--forward-to", endpoint(), "--since", "1h", "--category", "ORDER"]
    listen += ["--category", "EXECUTION"]
    doctor = [program, "--local", "doctor"]
    return [
        ("tail", "tail: deliveries and events as they are verified", 120, 26, tail, "ORDER.", ""),
        ("tail-details", "tail: an event's details", 150, 30, tail, "ORDER.", "\r"),
        ("tail-explain", "tail: an entity explained", 120, 30, tail, "ORDER.", "e"),
        ("tail-filter", "tail: filtered by what is typed", 120, 20, tail, "ORDER.", "/FILLED"),
        ("tail-keys", "tail: its keys", 100, 30, tail, "ORDER.", "?"),
        ("listen", "listen: what a program on this machine answered", 120, 26, listen, "ORDER.", ""),
        ("doctor", "doctor: whether anything is wrong", 120, 60, doctor, "Alarms", ""),
        ("explain", "explain: from a state back to the signed bytes", 120, 80, explain, "sha256", ""),
    ]


def taken(columns, lines, command, first, keys):
    """Runs a command in a terminal until it shows what it is to show; gives the terminal's cells."""
    terminal = Terminal(command, columns, lines)
    try:
        terminal.wait_for(first)
        terminal.press(keys)
        # What is still being read is not what the picture is of.
        while any("reading the log" in line for line in terminal.screen.display):
            terminal.settle()
        return terminal.screen
    finally:
        terminal.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", help="the command line, as cargo built it")
    parser.add_argument("folder", type=pathlib.Path, help="where the pictures go")
    parser.add_argument("--looks", action="store_true", help="draw each at 60, 80, 120 and 200 columns, on light and on dark")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for name, title, columns, lines, command, first, keys in pictures(arguments.program):
        for width in WIDTHS if arguments.looks else [columns]:
            screen = taken(width, lines, command, first, keys)
            for theme in ["light", "dark"] if arguments.looks else ["reader"]:
                look = f"-{width}-{theme}" if arguments.looks else ""
                (arguments.folder / f"{name}{look}.svg").write_text(svg(screen, title, theme))


if __name__ == "__main__":
    main()
