"""Searches what git has, or would take, for secrets, with Kingfisher; `make secrets` runs it.

What it finds must be in the list beside this file, which has the keys of tests and nothing else. No secret is printed.
"""

import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
ALLOWED = HERE / "allowed.txt"
COMMENT = """\
# Secrets that are none: path, rule and fingerprint of each. `make secrets-allow` writes the list anew; read the difference.
# Keys of tests are in crates/upvest-api/tests/keys alone, whose README.md says what they are.
"""


def copy_of_what_git_has(to: pathlib.Path) -> None:
    """Copies the files that are tracked, or would be with `git add`: the scanner itself knows no .gitignore."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, to / name)


def findings(kingfisher: str) -> dict[str, int]:
    """Returns what was found, each with its line. Nothing found is tried out: no request leaves the machine."""
    with tempfile.TemporaryDirectory() as folder:
        copy_of_what_git_has(pathlib.Path(folder))
        run = subprocess.run(
            [kingfisher, "scan", ".", "--no-validate", "--no-update-check", "--git-history", "none", "--quiet",
             "--no-dedup", "--redact", "--rules-path", str(HERE / "rules.yaml"), "--format", "json"],
            cwd=folder, capture_output=True,
        )
        # 0 is nothing found, 200 something; anything else is no answer.
        if run.returncode not in (0, 200):
            sys.exit(f"kingfisher ended with {run.returncode}: {run.stderr.decode()}")
        report = json.loads(run.stdout)
        files = report["metadata"]["summary"]["blobs_scanned"]
    if not files:
        sys.exit("kingfisher read no file")
    found = {}
    for entry in report["findings"]:
        finding = entry["finding"]
        path = finding["path"].removeprefix("./")
        found[f"{path} {entry['rule']['id']} {finding['fingerprint']}"] = finding["line"]
    return found


def main() -> None:
    """Compares what is found with what is allowed, in both directions."""
    kingfisher, *arguments = sys.argv[1:]
    found = findings(str(pathlib.Path(kingfisher).absolute()))
    if arguments == ["--allow"]:
        ALLOWED.write_text(COMMENT + "".join(f"{line}\n" for line in sorted(found)))
        return
    lines = ALLOWED.read_text().splitlines()
    allowed = {line for line in lines if line and not line.startswith("#")}
    new = [f"{name.split()[0]}:{line}: {name.split()[1]}" for name, line in found.items() if name not in allowed]
    if new:
        sys.exit("secrets, which belong into no repository:\n  " + "\n  ".join(sorted(new)))
    if gone := allowed - found.keys():
        sys.exit("allowed, and not there any more (make secrets-allow):\n  " + "\n  ".join(sorted(gone)))
    print(f"No secrets in what git has, but {len(allowed)} keys of tests")


main()
